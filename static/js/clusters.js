// The page of clusters: a suggested name is taken into its fields, one for each language.
(function () {
  "use strict";
  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-take-name]");
    if (!button) return;
    document.getElementById(button.dataset.intoEn).value = button.dataset.takeNameEn;
    var field = document.getElementById(button.dataset.into);
    field.value = button.dataset.takeName;
    field.focus();
  });
})();
