// Draws the charts of a page in the places of their pictures (course_charts.py), in the colours of
// the theme and as wide as the page lets them be, and anew when either changes.
(() => {
  const DARK = {
    axis: { domainColor: "#aaa", tickColor: "#aaa", labelColor: "#e6e6e6", titleColor: "#e6e6e6" },
    legend: { labelColor: "#e6e6e6" },
    title: { color: "#e6e6e6" },
    header: { labelColor: "#e6e6e6", titleColor: "#e6e6e6" },
    text: { color: "#e6e6e6" },
    rule: { color: "#bbb" },
  };
  const BRIGHTER = { "#0173b2": "#56b4e9", "#222": "#e6e6e6", "#666": "#bbb", "#949494": "#a8a8a8" };
  const USUAL = 560; // pixels: the width of a view that does not say its own
  const BESIDE_THE_PLOT = 80; // pixels that an axis takes
  const NARROW = 500; // pixels: a telephone
  const charts = [];

  const isDark = () => document.documentElement.dataset.theme === "dark";

  // What to draw where there is so much room: views that do not fit beside one another stand below,
  // and words that do not fit a line are broken into several.
  function fitted(spec, room) {
    const wanted = (view) => view.width || USUAL;
    const least = room - BESIDE_THE_PLOT;
    if (spec.hconcat && spec.hconcat.reduce((sum, v) => sum + wanted(v) + BESIDE_THE_PLOT, 0) > room) {
      spec.vconcat = spec.hconcat;
      delete spec.hconcat;
    }
    if (spec.vconcat || spec.hconcat) {
      for (const view of spec.vconcat || []) view.width = Math.min(wanted(view), least);
    } else if (spec.width && spec.width === spec.height) {
      spec.width = spec.height = Math.min(spec.width, least);
    } else if (wanted(spec) > least) {
      spec.width = room;
      spec.autosize = { type: "fit-x", contains: "padding" };
    }
    if (room < NARROW) {
      spec.config.legend = { ...spec.config.legend, columns: 2 };
      for (const view of views(spec)) {
        if (view.name !== "readout") continue;
        const rows = spec.datasets[(view.data || spec.data).name].split("\n");
        const lines = Math.max(...rows.map((row) => row.split("; ").length));
        view.mark = { ...view.mark, lineBreak: "; ", dy: -15 * (lines - 1) };
      }
    }
    return spec;
  }

  function* views(spec) {
    yield spec;
    for (const part of ["layer", "hconcat", "vconcat"]) {
      for (const view of spec[part] || []) yield* views(view);
    }
  }

  function coloured(text) {
    const spec = JSON.parse(
      isDark() ? text.replace(/"(#[0-9a-f]{3,6})"/g, (all, c) => (c in BRIGHTER ? `"${BRIGHTER[c]}"` : all)) : text,
    );
    delete spec.$schema; // it is JupyterLab's; all of it is understood here, too
    spec.config.background = null;
    if (isDark()) for (const part in DARK) spec.config[part] = { ...spec.config[part], ...DARK[part] };
    return spec;
  }

  async function draw(chart) {
    const turn = (chart.turn = (chart.turn || 0) + 1);
    const room = chart.live.parentElement.clientWidth;
    chart.drawnAt = room;
    const before = {};
    chart.live.querySelectorAll(".vega-bind :is(input, select)").forEach((input) => {
      if (chart.view) before[input.name] = chart.view.signal(input.name);
    });
    const place = document.createElement("div");
    const { view } = await vegaEmbed(place, fitted(coloured(chart.text), room), {
      mode: "vega-lite",
      renderer: "svg",
      actions: false,
    });
    if (turn !== chart.turn) return view.finalize();
    for (const name in before) view.signal(name, before[name]);
    await view.runAsync();
    const held = chart.live.contains(document.activeElement) && document.activeElement.name;
    chart.view?.finalize();
    chart.view = view;
    chart.live.querySelector(".vega-embed")?.remove();
    chart.live.prepend(place);
    chart.figure.classList.add("chart-drawn");
    const picture = place.querySelector("svg");
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", chart.alt);
    if (held) place.querySelector(`[name="${held}"]`)?.focus();
    place.addEventListener("input", () => say(chart));
  }

  // Tell readers who do not see the chart what it says now.
  function say(chart) {
    clearTimeout(chart.saying);
    chart.saying = setTimeout(() => {
      const words = chart.live.querySelectorAll("[class*='readout_marks'] text");
      chart.says.textContent = [...words].map((word) => word.textContent).join("; ");
    }, 300);
  }

  function redraw(chart) {
    if (chart.live.parentElement.clientWidth !== chart.drawnAt) draw(chart);
  }

  window.addEventListener("load", () => {
    document.querySelectorAll("script.chart").forEach((script) => {
      const figure = document.getElementById(script.dataset.figure);
      const image = figure.querySelector("img");
      const live = document.createElement("div");
      live.className = "chart-live";
      const says = document.createElement("div");
      says.className = "chart-says";
      says.setAttribute("role", "status");
      live.append(says);
      figure.insertBefore(live, figure.querySelector("figcaption"));
      const chart = { text: script.textContent, alt: image.alt, figure, live, says };
      charts.push(chart);
      draw(chart);
    });
    new MutationObserver(() => charts.forEach(draw)).observe(document.documentElement, {
      attributeFilter: ["data-theme"],
    });
    let waiting;
    window.addEventListener("resize", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => charts.forEach(redraw), 100);
    });
  });
})();
