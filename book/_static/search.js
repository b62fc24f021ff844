// Search results that read like the book: every page once under each of its titles, excerpts without
// TeX, with spaces between words, and cut between words.
//
// It changes three functions of Sphinx's searchtools.js, which the search page loads before.

"use strict";

const SearchText = (() => {
  const REMOVED =
    "article > section > h1, summary .collapsed, summary .expanded, .headerlink, script, style, noscript, form, svg";
  const BLOCKS =
    "p, li, dt, dd, div, pre, .classifier, h1, h2, h3, h4, h5, h6, th, td, caption, figcaption, blockquote, section, summary, br";
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

  // The text of a page below its title, or of what an anchor in it names: a term has its definition
  // beside it. Without code, if that is not wanted.
  function textOf(html, anchor, { code = true } = {}) {
    const page = new DOMParser().parseFromString(html, "text/html");
    const main = page.querySelector("article") || page.querySelector('[role="main"]') || page.body;
    main.querySelectorAll(code ? REMOVED : `${REMOVED}, pre`).forEach((e) => e.remove());
    main.querySelectorAll("div.math").forEach((e) => e.replaceWith(" … "));
    main.querySelectorAll(".math").forEach((e) => e.replaceWith(plain(e.textContent)));
    main.querySelectorAll(BLOCKS).forEach((e) => {
      e.before(" ");
      e.append(" ");
    });
    const named = anchor && page.getElementById(decodeURIComponent(anchor.slice(1)));
    let text = (named || main).textContent;
    if (named?.tagName === "DT") {
      const definition = named.parentElement.querySelector(`#${CSS.escape(named.id)} ~ dd`);
      text = `${text}: ${definition?.textContent || ""}`;
    }
    return text.replace(/\s+/g, " ").replace(/ ([,.;:)])/g, "$1").trim();
  }

  // Where in a text most of the words stand together for the first time; -1 where there is none.
  function placeOf(text, words) {
    const lower = text.toLowerCase();
    const found = []; // of every word, all its places
    for (const word of words) {
      const places = [];
      for (let i = lower.indexOf(word); i >= 0; i = lower.indexOf(word, i + 1)) places.push(i);
      found.push(places);
    }
    let [best, most] = [-1, 0];
    for (const i of found.flat().sort((a, b) => a - b)) {
      const together = found.filter((places) => places.some((j) => j >= i && j < i + LENGTH - BEFORE)).length;
      if (together > most) [best, most] = [i, together];
    }
    return best;
  }

  // The piece of a text around that place, from word to word.
  function excerpt(text, words) {
    let begin = Math.max(placeOf(text, [...words]) - BEFORE, 0);
    if (begin > 0) begin = text.indexOf(" ", begin) + 1;
    let end = Math.min(begin + LENGTH, text.length);
    if (end < text.length) end = Math.max(text.lastIndexOf(" ", end), begin + 1);
    return `${begin > 0 ? "… " : ""}${text.slice(begin, end)}${end < text.length ? " …" : ""}`;
  }

  // An excerpt of the prose where the words are there, else of the code.
  function summary(html, words, anchor) {
    const prose = textOf(html, anchor, { code: false });
    const found = placeOf(prose, [...words]) >= 0 || anchor;
    return excerpt(found ? prose : textOf(html, anchor), words);
  }

  // Results are [page, title, anchor, description, score, file], the best of them last.
  function tidied(results) {
    const seen = new Set();
    const kept = [];
    for (const [page, title, ...rest] of [...results].reverse()) {
      const key = [page, title, rest[1]].join("\n");
      if (!seen.has(key)) kept.push([page, title, ...rest]);
      seen.add(key);
    }
    return kept.reverse();
  }

  return { plain, summary, textOf, tidied };
})();

if (typeof Search !== "undefined") {
  // A page opened from a disk may not read other pages: no excerpts then, but no errors either.
  if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
  const found = Search._performSearch;
  Search._performSearch = (...query) => SearchText.tidied(found(...query));
  Search.htmlToText = SearchText.textOf;
  Search.makeSearchSummary = (html, words, anchor) => {
    const text = SearchText.summary(html, words, anchor);
    if (!text) return null;
    const paragraph = document.createElement("p");
    paragraph.className = "context";
    paragraph.textContent = text;
    return paragraph;
  };
}
