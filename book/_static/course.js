// What scrolls sideways must be within reach of the keyboard. The theme sees to code and tables, when
// a page is opened and when the window changes its size; here come solutions and code that are
// unfolded, and equations.
document.addEventListener("click", (event) => {
  if (event.target.closest(".admonition-title, summary")) window.dispatchEvent(new Event("resize"));
});

function reachEquations() {
  document.querySelectorAll("div.math").forEach((equation) => {
    equation.tabIndex = equation.scrollWidth > equation.clientWidth ? 0 : -1;
  });
}
window.addEventListener("resize", reachEquations);
window.addEventListener("load", () => window.MathJax?.startup.promise.then(reachEquations));
