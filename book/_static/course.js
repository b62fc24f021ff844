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

// A table that goes on to the right of what is seen says so at its edge.
function markWideTables() {
  document.querySelectorAll("[role=region]:has(> table), .pst-scrollable-table-container").forEach((box) => {
    const mark = () =>
      box.classList.toggle("more-to-the-right", box.scrollLeft + box.clientWidth < box.scrollWidth - 1);
    box.onscroll = mark;
    mark();
  });
}
window.addEventListener("resize", markWideTables);
window.addEventListener("load", markWideTables);

// The link to the first page stands outside of all landmarks, where a screen reader may pass it over.
document.addEventListener("DOMContentLoaded", () => {
  const home = document.querySelector(".navbar-brand.logo")?.parentElement;
  home?.setAttribute("role", "navigation");
  home?.setAttribute("aria-label", "Home");
});

// Paper is light, whatever the screen: the theme's dark page would be printed, with black headings.
let onScreen;
addEventListener("beforeprint", () => {
  onScreen = document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
});
addEventListener("afterprint", () => {
  document.documentElement.dataset.theme = onScreen;
});
