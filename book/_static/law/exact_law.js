// The exact bits of a law of the loss, in plain JavaScript and double precision.
//
//     L = c + sum_i w_i chi2_{k_i}(delta_i),      bits(x) = -log2 P(L <= x)
//
// It is the calculation of ibhelpers.laws.GeneralizedChi2, for one target at a time; chapter 04 of
// the course derives it. With u_i = 2 w_i t and
//
//     K(t) = log E exp(-t (L - c)) = -sum_i [ k_i/2 log(1 + u_i) + delta_i/2 u_i / (1 + u_i) ],
//
// P(L <= x) is 1/(2 pi i) times the integral of exp(t (x - c) + K(t)) dt/t along a path from below
// to above that crosses the real axis right of 0. For P(L > x), which is the small one above the
// mean, it crosses left of 0 and changes its sign. Three steps: find the saddle t*, where the
// integrand is smallest on the real axis; take out exp(t* (x - c) + K(t*)), which holds the depth of
// the tail; integrate the rest, of order one, along a hyperbola through the saddle.
//
// In a page it defines `ExactLaw`; in Node, require() gives the same.

"use strict";

const ExactLaw = (() => {
  const EPS = 2 ** -52;
  const SMALL_U = 0.5; // terms with |u| below this are centred at their mean
  const END = -42; // nats: the path ends where the integrand has fallen so far
  const DISCRETISATION = 1e-14; // relative error of the sum, bounded
  const ROUNDING = 9e-14; // least relative error of the rounded sum that is reckoned with
  const MOST_NODES = 6144;
  const PROMISE = 1e-11; // of log P: relative, or of 0.2 where |log P| is less
  const NEAREST = 2 ** -900; // of the largest weight: targets nearer to the floor are refused
  const FARTHEST = 1e60; // in units of weights: farther above the floor nothing is missing

  // What a reader gave and no law can be made of; `field` says which of the five it was.
  class InputError extends Error {
    constructor(field, message) {
      super(message);
      this.name = "InputError";
      this.field = field;
    }
  }

  // The integral did not reach its accuracy, so that no number is returned.
  class DoubtError extends Error {
    constructor(message) {
      super(message);
      this.name = "DoubtError";
    }
  }

  // --- sums carried as two numbers, about 32 digits (Dekker 1971) --------------------------------

  function twoSum(a, b) {
    const s = a + b;
    const v = s - a;
    return [s, a - (s - v) + (b - v)];
  }

  function upperHalf(a) {
    const c = 134217729 * a; // 2^27 + 1
    return c - (c - a);
  }

  function twoProduct(a, b) {
    const p = a * b;
    const [ah, bh] = [upperHalf(a), upperHalf(b)];
    const [al, bl] = [a - ah, b - bh];
    return [p, ah * bh - p + ah * bl + al * bh + al * bl];
  }

  function add([aHi, aLo], [bHi, bLo]) {
    const [s, e] = twoSum(aHi, bHi);
    const [f, g] = twoSum(aLo, bLo);
    const [s2, e2] = twoSum(s, e + f);
    return twoSum(s2, e2 + g);
  }

  // --- the law -----------------------------------------------------------------------------------

  // Terms by increasing weight, in units of a power of two that leaves the largest weight between
  // 1/4 and 1/2; means[n] is the sum of the first n terms' means, as two numbers.
  function law({ weights, df = 1, nc = 0, floor = 0 }) {
    checkList("weights", weights, "above 0", (w) => w > 0, weights);
    checkList("df", df, "above 0", (k) => k > 0, weights);
    checkList("nc", nc, "at least 0", (d) => d >= 0, weights);
    if (!Number.isFinite(floor)) {
      throw new InputError("floor", `found ${floor}; give the smallest possible loss as a number.`);
    }
    const at = (list, i) => (typeof list === "number" ? list : list[i]);
    const order = Array.from(weights.keys()).sort((i, j) => weights[i] - weights[j]);
    const unit = 2 ** (Math.floor(Math.log2(weights[order[order.length - 1]])) + 2);
    if (!(unit > 1e-300 && unit < 1e300)) {
      const message = `the largest is ${weights[order[order.length - 1]]}; give weights in units in which `;
      throw new InputError("weights", message + "the largest is between 1e-300 and 1e300.");
    }
    const w = Float64Array.from(order, (i) => weights[i] / unit);
    const k = Float64Array.from(order, (i) => at(df, i));
    const delta = Float64Array.from(order, (i) => at(nc, i));
    const means = [[0, 0]];
    w.forEach((wi, i) => {
      const mean = add(twoProduct(wi, k[i]), twoProduct(wi, delta[i]));
      means.push(add(means[i], mean));
    });
    if (!Number.isFinite(means[w.length][0] * unit)) {
      throw new InputError("nc", "the mean of the law is beyond double precision; give smaller numbers.");
    }
    return { w, k, delta, means, unit, floor };
  }

  function checkList(field, list, what, good, weights) {
    const number = typeof list === "number";
    if (!number && list.length !== weights.length) {
      const message = `found ${list.length} numbers for ${weights.length} weights; `;
      throw new InputError(field, message + "give one for each weight, or one number for all.");
    }
    if (!number && list.length === 0) {
      throw new InputError(field, "found nothing; give at least one weight.");
    }
    (number ? [list] : list).forEach((a, i) => {
      if (!(Number.isFinite(a) && good(a))) {
        const where = number ? "" : ` at position ${i + 1}`;
        throw new InputError(field, `found ${a}${where}; every number must be finite and ${what}.`);
      }
    });
  }

  const sum = (n, term) => {
    let [total, lost] = [0, 0]; // Neumaier's: what rounding loses is added at the end
    for (let i = 0; i < n; i++) {
      const a = term(i);
      const s = total + a;
      lost += Math.abs(total) >= Math.abs(a) ? total - s + a : a - s + total;
      total = s;
    }
    return total + lost;
  };

  const mean = (a) => a.floor + a.means[a.w.length][0] * a.unit;

  const deviation = (a) =>
    a.unit * Math.sqrt(sum(a.w.length, (i) => 2 * a.w[i] * (a.w[i] * (a.k[i] + 2 * a.delta[i]))));

  // --- the saddle --------------------------------------------------------------------------------

  // Where phi(t) = t x + K(t) - log|t| is smallest, on t > 0 or (upper) between -1/(2 max w) and 0.
  // With t = exp(s), or t = -sigmoid(s)/(2 max w), t phi'(t) = 0 reads t x = 1 + A(t), A being the
  // sum that the terms make. Newton's method for the logarithm of the ratio of the two sides, nearly
  // linear in s, and bisection where a step leaves the bracket or fails to halve. A thousandth of
  // the width is near enough: where the path crosses does not change the integral.
  function findSaddle(a, x, upper) {
    const n = a.w.length;
    const most = 1 + sum(n, (i) => a.k[i] / 2 + a.delta[i] / 8); // t x is less
    let [low, high] = upper ? [-225, 225] : [-Math.log(x) - 1e-6, Math.log(most) - Math.log(x) + 1e-6];
    let [s, last] = [firstGuess(a, x, upper), high - low];
    s = s >= low && s <= high ? s : (low + high) / 2;
    const v = new Float64Array(n);
    for (let turn = 0; turn < 300; turn++) {
      const [t, perS] = parametrise(a, s, upper, v);
      let [fromTerms, second, third] = [0, 0, 0];
      for (let i = 0; i < n; i++) {
        const b = (2 * a.w[i] * t) / v[i]; // u / (1 + u)
        const delta = a.delta[i] / v[i];
        fromTerms += 0.5 * b * (a.k[i] + delta);
        second += b * b * (a.k[i] / 2 + delta);
        third += b * b * b * (a.k[i] + 3 * delta);
      }
      const d1 = t * x - 1 - fromTerms; // t phi'(t)
      const d2 = 1 + second; // t^2 phi''(t)
      if (Math.abs(d1) < 1e-3 * Math.sqrt(d2)) {
        const skew = (Math.abs(third) + (upper ? 0 : 2)) / d2 ** 1.5;
        return { t, v, width: Math.abs(t) / Math.sqrt(d2), skew };
      }
      if (d1 * perS > 0) high = s;
      else low = s;
      const [left, right] = upper ? [-fromTerms, 1 - t * x] : [t * x, 1 + fromTerms];
      const slope = upper ? perS * (second / left + 1 / right) : d2 / right;
      let step = -Math.log(left / right) / slope;
      const good = s + step >= low && s + step <= high && 2 * Math.abs(step) < last;
      if (!good) step = (low + high) / 2 - s;
      s += step;
      last = Math.abs(step);
    }
    throw new DoubtError("No saddle point was found in 300 steps; please report the case.");
  }

  // The s of one central term with the law's mean m and variance c m: there phi' = 0 is the
  // quadratic equation c x t^2 - (m + c - x) t - 1 = 0.
  function firstGuess(a, x, upper) {
    const m = a.means[a.w.length][0];
    const c = sum(a.w.length, (i) => 2 * a.w[i] * ((a.w[i] * (a.k[i] + 2 * a.delta[i])) / m));
    const half = (m + c - x) / 2;
    const root = Math.hypot(half, Math.sqrt(c * x));
    if (!upper) return Math.log(half > 0 ? (half + root) / (c * x) : 1 / (root - half));
    const minusT = half > 0 ? 1 / (half + root) : (root - half) / (c * x);
    const q = Math.min(2 * a.w[a.w.length - 1] * minusT, 0.99);
    return Math.log(q / (1 - q));
  }

  // t(s) and the derivative of log|t|; v becomes 1 + 2 w t, without cancellation.
  function parametrise(a, s, upper, v) {
    const n = a.w.length;
    if (!upper) {
      const t = Math.exp(s);
      for (let i = 0; i < n; i++) v[i] = 1 + 2 * a.w[i] * t;
      return [t, 1];
    }
    const [largest, q, p] = [a.w[n - 1], 1 / (1 + Math.exp(-s)), 1 / (1 + Math.exp(s))];
    for (let i = 0; i < n; i++) v[i] = (largest - a.w[i]) / largest + (a.w[i] / largest) * p;
    return [-q / (2 * largest), p];
  }

  // --- the exponent at the saddle ----------------------------------------------------------------

  // t x + K(t), its derivative x + K'(t), and the sum of the moduli of what was added. Near the mean
  // t x + K(t) is a small difference of large numbers; so the means of all terms with small u are
  // subtracted from x beforehand, in 32 digits, and only the rest of K is added.
  function exponentAt(a, { t, v }, x) {
    const n = a.w.length;
    let near = 0;
    while (near < n && 2 * a.w[near] * Math.abs(t) < SMALL_U) near++;
    const [hi, lo] = add(x, a.means[near].map((part) => -part));
    const u = (i) => 2 * a.w[i] * t;
    const values = [
      sum(near, (i) => {
        const square = (u(i) * u(i)) / v[i];
        return (a.k[i] / 2) * uMinusLog1p(u(i)) + (a.delta[i] / 2) * square;
      }),
      -sum(n - near, (j) => {
        const i = near + j;
        return (a.k[i] / 2) * Math.log(v[i]) + ((a.delta[i] / 2) * u(i)) / v[i];
      }),
    ];
    const slopes = [
      sum(near, (i) => (a.w[i] * u(i) * (a.k[i] + (a.delta[i] * (2 + u(i))) / v[i])) / v[i]),
      -sum(n - near, (j) => (a.w[near + j] * (a.k[near + j] + a.delta[near + j] / v[near + j])) / v[near + j]),
    ];
    const linear = t * hi + t * lo;
    return {
      value: linear + (values[0] + values[1]),
      slope: hi + (lo + (slopes[0] + slopes[1])),
      moduli: Math.abs(linear) + Math.abs(values[0]) + Math.abs(values[1]),
    };
  }

  // u - log(1 + u) with all its digits for |u| <= 1/2: the series of 2 atanh(u/(2 + u)).
  function uMinusLog1p(u) {
    const y = u / (2 + u);
    const square = y * y;
    let series = 0;
    for (let n = 39; n > 1; n -= 2) series = series * square + 1 / n;
    return u * y - 2 * y * square * series;
  }

  // --- the path: t = t* + width omega, omega(v) = bend (i sinh v - cosh v + 1) --------------------

  // Its asymptotes rise at 45 degrees. On such a path no term is larger than at the saddle, and all
  // fall fast; `bend` follows steepest descent at the saddle. With beta = width 2 w/(1 + u) and
  // z = beta omega the exponent, relative to the saddle, is
  //     linear omega - sum_i [ k_i/2 (log(1 + z_i) - z_i) - delta_i/2/(1 + u_i) z_i^2/(1 + z_i) ].
  function pathThrough(a, saddle, slope) {
    return {
      a,
      linear: slope * saddle.width,
      pole: saddle.t / saddle.width, // t = 0 lies at omega = -pole
      bend: 3 / Math.max(saddle.skew, 1e-3),
      beta: a.w.map((w, i) => ((2 * w) / saddle.v[i]) * saddle.width),
      halfDelta: a.delta.map((delta, i) => delta / 2 / saddle.v[i]),
    };
  }

  // The exponent at omega = p + i q, its real and its imaginary part.
  function exponent(path, p, q) {
    const { a, beta, halfDelta } = path;
    let [re, im] = [path.linear * p, path.linear * q];
    for (let i = 0; i < beta.length; i++) {
      const [x, y, square] = [beta[i] * p, beta[i] * q, beta[i] * beta[i] * (p * p + q * q)];
      const excess = square + 2 * x; // |1 + z|^2 - 1
      const share = halfDelta[i] / (1 + excess);
      re += (a.k[i] / 2) * (x - 0.5 * Math.log1p(excess)) + share * (x * excess - square);
      im += (a.k[i] / 2) * (y - Math.atan2(y, 1 + x)) + share * y * excess;
    }
    return [re, im];
  }

  // Its real part alone, which takes half the time.
  function logModulus(path, p, q) {
    const { a, beta, halfDelta } = path;
    let re = path.linear * p;
    for (let i = 0; i < beta.length; i++) {
      const [x, square] = [beta[i] * p, beta[i] * beta[i] * (p * p + q * q)];
      const excess = square + 2 * x;
      re += (a.k[i] / 2) * (x - 0.5 * Math.log1p(excess)) + (halfDelta[i] / (1 + excess)) * (x * excess - square);
    }
    return re;
  }

  const omega = (path, v) => [-2 * path.bend * Math.sinh(v / 2) ** 2, path.bend * Math.sinh(v)];

  // The v beyond which the integrand is negligible.
  function endOf(path) {
    let v = Math.asinh(9.2 / path.bend); // where a Gaussian of unit width would be
    for (let turn = 0; turn < 80 && logModulus(path, ...omega(path, v)) > END; turn++) v *= 1.2;
    return v;
  }

  // The integral by the trapezoid rule with `nodes` steps, and the error that rounding gives it. The
  // two halves of the path are conjugate, so one of them is enough.
  function trapezoid(path, end, nodes) {
    let [total, squares] = [0, 0];
    for (let j = 0; j <= nodes; j++) {
      const v = (end * j) / nodes;
      const [p, q] = omega(path, v);
      const [re, im] = exponent(path, p, q);
      const scale = Math.exp(re) * path.bend * (j === 0 ? 0.5 : 1);
      const [c, s] = [scale * Math.cosh(v), scale * Math.sinh(v)];
      const [f, g] = [c * Math.cos(im) - s * Math.sin(im), c * Math.sin(im) + s * Math.cos(im)];
      const norm = (path.pole + p) ** 2 + q * q;
      total += (f * (path.pole + p) + g * q) / norm;
      const size = (Math.hypot(f, g) / Math.sqrt(norm)) * (1 + Math.abs(path.linear) * Math.hypot(p, q));
      squares += (size * (j === 0 ? 2 : 1)) ** 2;
    }
    const unit = end / nodes / Math.PI;
    return { value: unit * total, rounding: unit * EPS * Math.sqrt(squares) };
  }

  // --- how many nodes: a bound of the error, not the agreement of two sums ------------------------

  // Where the integrand f is analytic for -b <= Im v <= a, the sum with step h is off by at most
  //     A / (exp(2 pi a/h) - 1) + B / (exp(2 pi b/h) - 1),
  // A and B being the integrals of |f| along Im v = a and Im v = -b (Trefethen and Weideman, SIAM
  // Review 56 (2014) 385, theorem 5.1). These lines are hyperbolas too, nearer to the singularities
  // or farther away; nothing cancels in |f|, so that few nodes give A and B.
  function boundOf(path, end) {
    const nearest = [
      Math.min(path.pole > 0 ? path.pole : Infinity, 1 / path.beta[path.beta.length - 1]),
      path.pole < 0 ? -path.pole : Infinity,
    ];
    const steps = Math.max(6, Math.ceil(end / 0.25));
    return nearest.map((distance, side) => {
      const shift = bestShift(path.bend, distance / path.bend, side === 0 ? 1 : -1);
      const [c, s] = [Math.cos(shift) + Math.sin(shift), Math.cos(shift) - Math.sin(shift)];
      const logF = Array.from({ length: steps + 1 }, (_, j) => {
        const [sinh, cosh] = [Math.sinh((end * j) / steps), Math.cosh((end * j) / steps)];
        const [p, q] = [path.bend * (1 - c * cosh), path.bend * s * sinh];
        const modulus = (path.bend * Math.hypot(c * sinh, s * cosh)) / Math.hypot(path.pole + p, q);
        return logModulus(path, p, q) + Math.log(modulus);
      });
      // One nat for what lies between the nodes, beside their curvature.
      return { shift: Math.abs(shift), logSize: logIntegral(logF) + Math.log(end / steps / Math.PI) + 1 };
    });
  }

  // About the shift of v at which the bound is least, to the left (sign 1) or to the right; a poor
  // guess costs nodes, not digits. `distance` is that of the nearest singularity, in units of bend.
  function bestShift(bend, distance, sign) {
    const ell = (bend * 2) / 3;
    const sine = Math.min((1 + sign * Math.min(distance, 1)) / Math.SQRT2, 1);
    const most = Math.min(0.93 * Math.abs(Math.asin(sine) - Math.PI / 4), 8 / ell, sign > 0 ? 0.5 : Infinity);
    let [best, least] = [0, Infinity];
    for (let j = 1; j <= 10; j++) {
      const shift = (sign * most * j) / 10;
      const r = 1.5 * (1 - Math.SQRT2 * Math.sin(Math.PI / 4 + shift)); // omega/ell at the crossing
      const growth = r > -0.999 ? ell ** 2 * (r - Math.log1p(r)) : 1e9;
      const cost = (34 + growth) / Math.abs(shift);
      if (cost < least) [best, least] = [shift, cost];
    }
    return best;
  }

  // Log of the integral of f, of unit spacing, from node 0, where it is even: between two nodes log f
  // is taken for its larger value there and an eighth of both its second differences.
  function logIntegral(logF) {
    const n = logF.length;
    const rise = logF.map((f, j) => {
      const i = Math.min(j, n - 2);
      return Math.abs(logF[i + 1] - 2 * logF[i] + logF[Math.abs(i - 1)]) / 8;
    });
    return logSumExp(logF.slice(1).map((f, j) => Math.max(f, logF[j]) + rise[j] + rise[j + 1]));
  }

  function logSumExp(list) {
    const most = Math.max(...list);
    return most + Math.log(list.reduce((total, a) => total + Math.exp(a - most), 0));
  }

  function integral(path) {
    const end = endOf(path);
    const bound = boundOf(path, end);
    const size = -Math.log(Math.abs(path.pole) * Math.sqrt(2 * Math.PI)); // log of about the integral
    const step = Math.min(
      ...bound.map((b) => (2 * Math.PI * b.shift) / Math.max(b.logSize - Math.log(DISCRETISATION / 4) - size, 1))
    );
    for (let nodes = Math.max(8, Math.ceil(end / step)); nodes <= MOST_NODES; nodes *= 2) {
      const found = trapezoid(path, end, nodes);
      const logError = logSumExp(
        bound.map((b) => {
          const reach = (2 * Math.PI * b.shift * nodes) / end;
          return b.logSize - reach - Math.log(-Math.expm1(-reach));
        })
      );
      if (logError <= Math.log(DISCRETISATION) + Math.log(Math.abs(found.value))) return { ...found, nodes };
    }
    throw new DoubtError(
      `The sum would need more than ${MOST_NODES} nodes. Next to all probability may lie at the floor: ` +
        "leave out terms of next to no degrees of freedom."
    );
  }

  // --- bits --------------------------------------------------------------------------------------

  // -log2 P(L <= target): { bits, error, nodes, saddle, upper }; `error` bounds what rounding and
  // the sum leave, in bits. InputError or DoubtError instead of a number that is not accurate.
  function bits(a, target) {
    if (typeof target !== "number" || Number.isNaN(target)) {
      throw new InputError("target", `found ${target}; give a loss as a number.`);
    }
    if (target <= a.floor) return { bits: Infinity, error: 0 }; // no hypothesis is so good
    const above = twoSum(target, -a.floor).map((part) => part / a.unit); // rounding it would cost digits
    if (above[0] > FARTHEST * (1 + sum(a.w.length, (i) => a.k[i] + a.delta[i]))) return { bits: 0, error: 0 };
    if (above[0] < NEAREST) {
      const message = `found ${target}, which double precision can hardly tell from the floor; `;
      throw new InputError("target", message + "give a larger one.");
    }
    const upper = above[0] >= a.means[a.w.length][0];
    const { logTail, error, nodes, t } = tail(a, above, upper);
    const lower = upper ? logOfOtherSide(logTail) : logTail;
    const factor = upper ? Math.exp(logTail - lower) : 1; // d log(1 - p) / d log p
    return {
      bits: -lower / Math.LN2 || 0,
      error: (error * factor) / Math.LN2,
      nodes,
      saddle: t / a.unit,
      upper,
    };
  }

  function tail(a, above, upper) {
    const saddle = findSaddle(a, above[0], upper);
    const { value, slope, moduli } = exponentAt(a, saddle, above);
    const found = integral(pathThrough(a, saddle, slope));
    const rest = upper ? -found.value : found.value;
    const rounding = Math.max((4 * found.rounding) / rest, ROUNDING);
    const error = rest > 0 ? DISCRETISATION + rounding + 4 * EPS * moduli : Infinity;
    const logTail = Math.min(value + Math.log(rest), 0);
    if (!(error <= PROMISE * Math.max(Math.abs(logTail), 0.2))) {
      throw new DoubtError(
        `The integral is uncertain by ${error.toExponential(1)} in log P, more than the eleven digits that ` +
          "are promised. Next to all probability may lie at the floor, or at a few terms alone: leave out " +
          "terms of next to no degrees of freedom."
      );
    }
    return { logTail, error, nodes: found.nodes, t: saddle.t };
  }

  // log(1 - exp(logP)), without losing digits at either end.
  function logOfOtherSide(logP) {
    return logP > -0.7 ? Math.log(-Math.expm1(logP)) : Math.log1p(-Math.exp(logP));
  }

  return { law, bits, mean, deviation, InputError, DoubtError };
})();

if (typeof module !== "undefined") module.exports = ExactLaw;
