// Runs before the first paint: the reader's own choice, else the theme of the system.
(function () {
  "use strict";
  var chosen = /(?:^|; )theme=(dark|light)/.exec(document.cookie);
  var dark = chosen ? chosen[1] === "dark" : window.matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.setAttribute("data-bs-theme", dark ? "dark" : "light");
})();
