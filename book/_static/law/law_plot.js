// Bits against the target, as an SVG: the curve of a law, the chosen point, and where draws lie.

"use strict";

const LawPlot = (() => {
  const POINTS = 90; // on the curve
  const MARGIN = { left: 62, right: 12, top: 26, bottom: 46 };

  // The curve of a law, computed once: targets denser towards the floor, where it is steep. Targets
  // for which there is no accurate number leave a gap.
  function curveOf(law) {
    const [mean, sd] = [ExactLaw.mean(law), ExactLaw.deviation(law)];
    const range = mean - law.floor + 4 * sd;
    const points = [];
    for (let i = 1; i <= POINTS; i++) {
      const target = law.floor + range * (i / POINTS) ** 2;
      try {
        points.push([target, ExactLaw.bits(law, target).bits]);
      } catch (error) {
        points.push([target, NaN]);
      }
    }
    const strip = [Math.max(mean - 2 * sd, law.floor), mean + 2 * sd];
    return { points, floor: law.floor, end: law.floor + range, range, strip };
  }

  // What the axes span: the whole curve but for its steepest part, and the chosen point.
  function scales(curve, chosen, width) {
    const height = Math.min(380, Math.max(250, width / 2));
    const end = Math.max(curve.end, Number.isFinite(chosen.target) ? chosen.target : curve.end);
    const begin = curve.floor - 0.05 * (end - curve.floor);
    const usual = curve.points.find(([x, y]) => x >= curve.floor + 0.03 * curve.range && y > 0);
    const most = Math.max(usual ? 1.05 * usual[1] : 1, Number.isFinite(chosen.bits) ? 1.15 * chosen.bits : 0);
    const [w, h] = [width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom];
    return {
      width,
      height,
      begin,
      end,
      most,
      x: (target) => MARGIN.left + (w * (target - begin)) / (end - begin),
      y: (bits) => MARGIN.top + h * (1 - bits / most),
      target: (x) => begin + ((end - begin) * (x - MARGIN.left)) / w,
    };
  }

  // About n round numbers between two others, at steps of 1, 2 or 5 times a power of ten.
  function ticks(low, high, n) {
    const rough = (high - low) / n;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((a) => a * power).find((a) => a >= rough);
    const found = [];
    for (let i = Math.ceil(low / step); i * step <= high; i++) found.push(i * step);
    return found;
  }

  // A number of an axis: 2,000 or 0.02, but 1.5e-8 beyond what is read at a glance.
  function label(a) {
    const size = Math.abs(a);
    if (size !== 0 && (size < 1e-4 || size >= 1e6)) {
      return String(Number(a.toPrecision(6)).toExponential()).replace("e+", "e").replace("-", "−");
    }
    return Number(a.toPrecision(6)).toLocaleString("en-GB", { maximumFractionDigits: 12 });
  }

  function element(name, attributes, text) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  // Put the picture into the box, as wide as that is, and return its scales. `chosen` is a target
  // and its bits, NaN where there are none; `said` is the picture in words.
  function draw(box, curve, chosen, said) {
    const s = scales(curve, chosen, Math.max(box.clientWidth, 280));
    const [left, right, top, bottom] = [s.x(s.begin), s.x(s.end), s.y(s.most), s.y(0)];
    const svg = element("svg", { width: s.width, height: s.height, role: "img", "aria-label": said });
    const put = (...made) => svg.append(...made.map((args) => element(...args)));
    const rect = (from, to, kind, fill) => {
      const [x, end] = [Math.max(s.x(from), left), Math.min(s.x(to), right)];
      put(["rect", { x, y: top, width: Math.max(end - x, 0), height: bottom - top, class: kind, ...(fill && { fill }) }]);
    };
    const hatch = element("pattern", { id: "law-hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse" });
    hatch.append(element("path", { d: "M0,6L6,0", class: "law-axis" }));
    put(["defs", {}]);
    svg.firstChild.append(hatch);
    rect(s.begin, curve.floor, "law-impossible", "url(#law-hatch)");
    rect(...curve.strip, "law-draws");
    for (const a of ticks(s.begin, s.end, s.width < 500 ? 4 : 7)) {
      put(["line", { x1: s.x(a), x2: s.x(a), y1: bottom, y2: bottom + 5, class: "law-axis" }]);
      put(["text", { x: s.x(a), y: bottom + 20, "text-anchor": "middle" }, label(a)]);
    }
    for (const a of ticks(0, s.most, 5)) {
      put(["line", { x1: left - 5, x2: left, y1: s.y(a), y2: s.y(a), class: "law-axis" }]);
      put(["text", { x: left - 9, y: s.y(a) + 4, "text-anchor": "end" }, label(a)]);
    }
    put(["path", { d: `M${left},${top}V${bottom}H${right}`, class: "law-axis" }]);
    put(["text", { x: (left + right) / 2, y: bottom + 40, "text-anchor": "middle" }, "target loss"]);
    put(["text", { x: left - 9, y: 14, "text-anchor": "end" }, "bits"]);
    put(["path", { d: pathOf(curve, chosen, s), class: "law-curve" }]);
    if (Number.isFinite(chosen.bits)) {
      const [x, y] = [s.x(chosen.target), s.y(chosen.bits)];
      put(["path", { d: `M${x},${y}V${bottom}`, class: "law-drop" }]);
      put(["circle", { cx: x, cy: y, r: 7, class: "law-point" }]);
    }
    box.replaceChildren(svg);
    return s;
  }

  // The curve as far up as the picture goes: the piece that leaves it is cut at the edge.
  function pathOf(curve, chosen, s) {
    const own = Number.isFinite(chosen.bits) ? [[chosen.target, chosen.bits]] : [];
    const points = [...curve.points, ...own].sort((a, b) => a[0] - b[0]);
    let [path, before] = ["", null];
    for (const [target, bits] of points) {
      if (Number.isNaN(bits)) {
        before = null;
        continue;
      }
      if (bits <= s.most) {
        if (before && before[1] > s.most) {
          const share = (before[1] - s.most) / (before[1] - bits);
          path += `M${s.x(before[0] + share * (target - before[0]))},${s.y(s.most)}`;
        }
        path += `${path && before ? "L" : "M"}${s.x(target)},${s.y(bits)}`;
      }
      before = [target, bits];
    }
    return path;
  }

  return { curveOf, draw, label };
})();
