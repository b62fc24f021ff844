// Search results that read like the book: every page once under each of its titles, chapters with
// their numbers, excerpts without TeX, with spaces between words, and cut between words.
//
// It changes four functions of Sphinx's searchtools.js, which the search page loads before.

"use strict";

const SearchText = (() => {
  const REMOVED = ".headerlink, .copybtn, script, style, noscript, form, svg, .tableofcontents";
  const BLOCKS =
    "p, li, dt, dd, div, pre, h1, h2, h3, h4, h5, h6, th, td, caption, figcaption, blockquote, section, summary, br";
  const BEFORE = 100; // letters of an excerpt before the word that was looked for
  const LENGTH = 240;

  const SIGNS = {
    alpha: "α", beta: "β", gamma: "γ", delta: "δ", Delta: "Δ", varepsilon: "ε", epsilon: "ε", zeta: "ζ", eta: "η",
    theta: "θ", kappa: "κ", lambda: "λ", Lambda: "Λ", mu: "μ", nu: "ν", pi: "π", rho: "ρ", sigma: "σ", Sigma: "Σ",
    tau: "τ", phi: "φ", varphi: "φ", Phi: "Φ", chi: "χ", psi: "ψ", omega: "ω", ell: "ℓ", le: "≤", leq: "≤", ge: "≥",
    geq: "≥", ne: "≠", neq: "≠", approx: "≈", sim: "~", times: "×", cdot: "·", pm: "±", infty: "∞", to: "→",
    rightarrow: "→", mapsto: "↦", in: "∈", sum: "Σ", prod: "Π", int: "∫", sqrt: "√", partial: "∂", nabla: "∇",
    dots: "…", ldots: "…", cdots: "…", mid: "|", top: "T", ast: "*", prime: "′", quad: " ", qquad: " ", lVert: "‖",
    rVert: "‖", lvert: "|", rvert: "|", langle: "⟨", rangle: "⟩",
  }; // prettier-ignore
  const SILENT =
    /^(left|right|[bB]igg?[lrm]?|mathbb|mathrm|mathbf|mathcal|mathsf|text|textstyle|displaystyle|operatorname|hat|tilde|bar|overline|begin|end|limits|nolimits)$/;

  // A short formula as one would type it: x ≤ ε for \(x \le \varepsilon\).
  function plain(tex) {
    return tex
      .replace(/\\[()[\]]/g, "")
      .replace(/\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}/g, "$1/$2")
      .replace(/\\([a-zA-Z]+)\*?/g, (_, name) => (SILENT.test(name) ? "" : SIGNS[name] || name))
      .replace(/\\[,;:! ]/g, " ")
      .replace(/\\\|/g, "‖")
      .replace(/[\\{}&]/g, "")
      .replace(/~/g, " ");
  }

  // The text of a page, or of what an anchor in it names: a term has its definition beside it.
  function textOf(html, anchor) {
    const page = new DOMParser().parseFromString(html, "text/html");
    const main = page.querySelector('[role="main"]') || page.body;
    main.querySelectorAll(REMOVED).forEach((e) => e.remove());
    main.querySelectorAll("div.math").forEach((e) => e.replaceWith(" … "));
    main.querySelectorAll(".math").forEach((e) => e.replaceWith(plain(e.textContent)));
    main.querySelectorAll(BLOCKS).forEach((e) => {
      e.before(" ");
      e.append(" ");
    });
    const named = anchor && page.getElementById(decodeURIComponent(anchor.slice(1)));
    let text = (named || main).textContent;
    if (named?.tagName === "DT") text = `${text}: ${named.parentElement.querySelector(`#${CSS.escape(named.id)} ~ dd`)?.textContent || ""}`;
    return text.replace(/\s+/g, " ").replace(/ ([,.;:)])/g, "$1").trim();
  }

  // The piece of a text around the first of the words that is there, from word to word.
  function excerpt(text, words) {
    const lower = text.toLowerCase();
    const places = [...words].map((word) => lower.indexOf(word.toLowerCase())).filter((i) => i >= 0);
    let begin = Math.max(Math.min(...places, text.length) - BEFORE, 0);
    if (places.length === 0) begin = 0;
    if (begin > 0) begin = text.indexOf(" ", begin) + 1;
    let end = Math.min(begin + LENGTH, text.length);
    if (end < text.length) end = Math.max(text.lastIndexOf(" ", end), begin + 1);
    return `${begin > 0 ? "… " : ""}${text.slice(begin, end)}${end < text.length ? " …" : ""}`;
  }

  // "04 Exact tails": with the number that contents and figures give a chapter.
  function numbered(title, page) {
    const number = page.match(/^notebooks\/(\d\d)_/);
    return number ? `${number[1]} ${title}` : title;
  }

  // Results are [page, title, anchor, description, score, file], the best of them last.
  function tidied(results) {
    const seen = new Set();
    const kept = [];
    for (const [page, title, ...rest] of [...results].reverse()) {
      const shown = numbered(title, page);
      const key = [page, shown, rest[1]].join("\n");
      if (!seen.has(key)) kept.push([page, shown, ...rest]);
      seen.add(key);
    }
    return kept.reverse();
  }

  return { plain, textOf, excerpt, tidied };
})();

if (typeof Search !== "undefined") {
  const found = Search._performSearch;
  Search._performSearch = (...query) => SearchText.tidied(found(...query));
  Search.htmlToText = SearchText.textOf;
  Search.makeSearchSummary = (html, words, anchor) => {
    const text = SearchText.textOf(html, anchor);
    if (!text) return null;
    const summary = document.createElement("p");
    summary.className = "context";
    summary.textContent = SearchText.excerpt(text, words);
    return summary;
  };
}
