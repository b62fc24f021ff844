// The page's form: what is typed, picked or dragged becomes a law and a target, and its bits.

"use strict";

const LawPage = (() => {
  const MOST_TERMS = 5000; // more would keep the page busy for seconds
  const NAMES = {
    weights: "Weights",
    df: "Degrees of freedom",
    nc: "Noncentralities",
    floor: "Floor",
    target: "Target",
  };
  const NUMBER = /^[+-]?((0|[1-9]\d*)\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
  // 0,5 may be one half, or 0 and 5; 1,000 a thousand, or 1 and 0.
  const TWO_READINGS = /^[+-]?(\d+,\d+(e[+-]?\d+)?|\d{1,3}(,\d{3})+(\.\d*)?)$/i;
  const POINT = "Write decimals with a point, as in 0.25 or 2.5e-6.";

  // --- from text to numbers ----------------------------------------------------------------------

  function numberOf(field, text, where) {
    const plain = text.replace(/\u2212/g, "-");
    if (!NUMBER.test(plain)) {
      throw new ExactLaw.InputError(field, `“${text.slice(0, 40)}”${where} is not a number. ${POINT}`);
    }
    const a = Number(plain);
    if (!Number.isFinite(a) || (a === 0 && /[1-9]/.test(plain.split(/e/i)[0]))) {
      throw new ExactLaw.InputError(field, `“${text.slice(0, 40)}”${where} is beyond double precision.`);
    }
    return a;
  }

  // A list of numbers, in brackets or not; one alone counts for every weight, where that is allowed.
  function numbersOf(field, written) {
    const text = written.replace(/[[\]()]/g, " ");
    const unclear = text.split(/[\s;]+/).find((word) => TWO_READINGS.test(word));
    if (unclear) {
      const message = `“${unclear.slice(0, 40)}” can be read as one number or as several. ${POINT} `;
      throw new ExactLaw.InputError(field, message + "After a comma between two numbers, leave a space.");
    }
    const words = text.split(/[\s,;]+/).filter(Boolean);
    if (words.length === 0) {
      throw new ExactLaw.InputError(field, "found nothing; give numbers with spaces or lines between them.");
    }
    if (words.length > MOST_TERMS) {
      const message = `found ${words.length.toLocaleString("en-GB")} numbers; this page takes `;
      throw new ExactLaw.InputError(
        field,
        message + `${MOST_TERMS.toLocaleString("en-GB")} at most, the Python package takes more.`
      );
    }
    const list = words.map((word, i) => numberOf(field, word, ` at position ${i + 1}`));
    return field !== "weights" && list.length === 1 ? list[0] : list;
  }

  function oneNumber(field, text) {
    const word = text.trim();
    if (word === "") throw new ExactLaw.InputError(field, `found nothing; give one number. ${POINT}`);
    return numberOf(field, word, "");
  }

  // --- from numbers to words ---------------------------------------------------------------------

  // With as many digits as are certain, twelve at most: the last one may be off by one.
  function withDigits(bits, error) {
    if (bits === 0 || bits === Infinity) return bits === 0 ? "0" : "∞";
    const certain = Math.floor(Math.log10(bits)) - Math.ceil(Math.log10(Math.max(error, 1e-300)));
    const digits = Math.min(12, Math.max(1, certain + 1));
    if (bits < 1e-3) return inPowers(bits.toExponential(digits - 1));
    return bits.toLocaleString("en-GB", { minimumSignificantDigits: digits, maximumSignificantDigits: digits });
  }

  // In the large: as the course prints bits, to a tenth; more where there are few.
  function inShort(bits) {
    if (bits === 0 || bits === Infinity) return withDigits(bits, 0);
    if (bits < 1e-3) return inPowers(bits.toExponential(1));
    const places = bits >= 10 ? 1 : 3;
    return bits.toLocaleString("en-GB", { minimumFractionDigits: places, maximumFractionDigits: places });
  }

  const SUPERSCRIPT = { "-": "⁻", ".": "·" };
  const raised = (text) => text.replace(/[-.\d]/g, (c) => SUPERSCRIPT[c] || "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]);
  const inPowers = (text) => text.replace(/e\+?(-?\d+)$/, (_, power) => ` × 10${raised(power)}`);

  const inDigits = (a) =>
    Math.abs(a) >= 1e6 || Math.abs(a) < 1e-3
      ? inPowers(a.toExponential(3))
      : a.toLocaleString("en-GB", { maximumSignificantDigits: 4 });

  // How rare a hypothesis is that good.
  function rarity(bits) {
    if (bits === Infinity) return "No hypothesis of this law is so good: the target is not above the floor.";
    if (bits < 1e-6) return "Next to every draw is good enough.";
    if (bits < 20) return `One draw in ${(2 ** bits).toLocaleString("en-GB", { maximumSignificantDigits: 4 })} is good enough.`;
    const power = Math.round(bits * Math.LOG10E * Math.LN2);
    return `About one draw in 10${raised(String(power))} is good enough.`;
  }

  function certainty(found) {
    if (found.nodes === undefined) return "";
    const error = inPowers(found.error.toExponential(0));
    const side = found.upper ? "The integral is that of the other side, P(loss > target); it" : "The integral";
    return (
      `All certain digits: ${withDigits(found.bits, found.error)} bits (error below ${error}). ${side} is a sum ` +
      `over ${found.nodes + 1} nodes, along a path through the saddle point t* = ${inDigits(found.saddle)}.`
    );
  }

  // --- the form ----------------------------------------------------------------------------------

  function start(form, spectra) {
    const at = (name) => form.querySelector(`#law-${name}`);
    const fields = Object.fromEntries(Object.keys(NAMES).map((name) => [name, at(name)]));
    const state = { text: null, law: null, curve: null, scales: null };

    // The law of the four fields, made anew only where they changed.
    function readLaw() {
      const text = ["weights", "df", "nc", "floor"].map((name) => fields[name].value);
      if (state.text === text.join("|") && state.law) return;
      state.text = text.join("|");
      state.law = null;
      state.law = ExactLaw.law({
        weights: numbersOf("weights", text[0]),
        df: numbersOf("df", text[1]),
        nc: numbersOf("nc", text[2]),
        floor: oneNumber("floor", text[3]),
      });
      state.curve = LawPlot.curveOf(state.law);
    }

    function update() {
      for (const field of Object.values(fields)) field.removeAttribute("aria-invalid");
      let [chosen, fault] = [{ target: NaN, bits: NaN }, ""];
      try {
        readLaw();
        chosen.target = oneNumber("target", fields.target.value);
        const found = ExactLaw.bits(state.law, chosen.target);
        chosen.bits = found.bits;
        at("bits").textContent = `${inShort(found.bits)} bits`;
        at("rarity").textContent = rarity(found.bits);
        at("certainty").textContent = certainty(found);
      } catch (error) {
        if (!["InputError", "DoubtError"].includes(error.name)) throw error;
        fault = error.field ? `${NAMES[error.field]}: ${error.message}` : error.message;
        at("bits").textContent = "no answer";
        at("rarity").textContent = at("certainty").textContent = "";
        if (error.field) fields[error.field].setAttribute("aria-invalid", "true");
        if (error.field && error.field !== "target") at("numbers").open = true;
      }
      at("fault").textContent = fault;
      show(chosen);
    }

    function show(chosen) {
      at("picture").hidden = !state.law;
      at("figure").replaceChildren();
      if (!state.law) return;
      const { floor, range } = state.curve;
      const said =
        `Bits against the target loss: a curve that falls from infinitely many at ${LawPlot.label(floor)}, ` +
        `the floor, to none beyond ${LawPlot.label(Number(ExactLaw.mean(state.law).toPrecision(3)))}, the mean. ` +
        (Number.isFinite(chosen.bits) ? `At ${fields.target.value} it takes ${inShort(chosen.bits)} bits.` : "");
      state.scales = LawPlot.draw(at("figure"), state.curve, chosen, said);
      const share = (1000 * (chosen.target - floor)) / range;
      if (document.activeElement !== at("slider") && Number.isFinite(share)) at("slider").value = share;
      at("slider").setAttribute("aria-valuetext", `target ${fields.target.value}: ${at("bits").textContent}`);
    }

    // A target read off the picture: four digits, never below the floor.
    function moveTo(target) {
      const { floor, range } = state.curve;
      const step = 10 ** (Math.floor(Math.log10(range)) - 3);
      const rounded = Number((Math.round(target / step) * step).toPrecision(12));
      fields.target.value = String(Math.max(rounded, floor));
      update();
    }

    function pick() {
      const spectrum = spectra.find(({ name }) => name === at("task").value);
      at("code").textContent = spectrum ? spectrum.code : "";
      at("about").textContent = spectrum ? spectrum.about : "Numbers of your own, in the four fields below.";
      at("python").hidden = !spectrum;
      if (!spectrum) {
        at("numbers").open = true;
        return;
      }
      for (const name of ["weights", "df", "nc"]) fields[name].value = [spectrum[name]].flat().join("\n");
      fields.floor.value = spectrum.floor;
      fields.target.value = spectrum.target;
      update();
    }

    for (const [name, field] of Object.entries(fields)) {
      field.addEventListener("input", () => {
        if (name !== "target" && at("task").value !== "own") {
          at("task").value = "own";
          pick();
        }
        update();
      });
    }
    at("task").addEventListener("change", pick);
    at("slider").addEventListener("input", () => {
      moveTo(state.curve.floor + (state.curve.range * at("slider").value) / 1000);
    });
    at("figure").addEventListener("pointerdown", (event) => {
      at("figure").setPointerCapture(event.pointerId);
      moveTo(targetUnder(event));
    });
    at("figure").addEventListener("pointermove", (event) => {
      if (at("figure").hasPointerCapture(event.pointerId)) moveTo(targetUnder(event));
    });
    const targetUnder = (event) => {
      const x = event.clientX - at("figure").getBoundingClientRect().left;
      return Math.min(state.scales.target(x), state.curve.end);
    };
    form.addEventListener("submit", (event) => event.preventDefault());
    window.addEventListener("resize", update);

    for (const { name, title } of spectra) at("task").append(new Option(title, name));
    at("task").append(new Option("numbers of my own", "own"));
    at("task").value = spectra[0].name;
    form.hidden = false; // before the first drawing, which is as wide as the form
    pick();
  }

  return { start };
})();

window.addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("law-form");
  if (form) LawPage.start(form, JSON.parse(document.getElementById("law-spectra").textContent));
});
