// The page of clusters: a suggested name is taken into its field.
(function () {
  "use strict";
  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-take-name]");
    if (!button) return;
    var field = document.getElementById(button.dataset.into);
    field.value = button.dataset.takeName;
    field.focus();
  });
})();
