// Behaviour of every page: theme, search field, filters in the address, definitions, picture or table.
(function () {
  "use strict";
  var root = document.documentElement;

  // --- Theme -----------------------------------------------------------------------------------------------
  function setTheme(theme) {
    root.setAttribute("data-bs-theme", theme);
    document.cookie = "theme=" + theme + "; path=/; max-age=31536000; SameSite=Lax";
    document.dispatchEvent(new CustomEvent("themechange"));
  }
  document.addEventListener("click", function (event) {
    if (event.target.closest("[data-theme-switch]")) {
      setTheme(root.getAttribute("data-bs-theme") === "dark" ? "light" : "dark");
    }
  });

  // --- Search: "/" or Ctrl-K brings it up, arrows walk through the hits --------------------------------------
  var field = document.getElementById("search");
  var hits = document.getElementById("search-hits");
  function options() {
    return hits ? Array.from(hits.querySelectorAll("a[href]")) : [];
  }
  function closeHits() {
    if (!hits) return;
    hits.hidden = true;
    field.setAttribute("aria-expanded", "false");
  }
  document.addEventListener("keydown", function (event) {
    if (!field) return;
    var typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) || event.target.isContentEditable;
    var slash = event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey;
    var ctrlK = (event.ctrlKey || event.metaKey) && event.code === "KeyK";
    if (slash || ctrlK) {
      event.preventDefault();
      field.focus();
      field.select();
    } else if (event.key === "Escape" && hits && !hits.hidden) {
      closeHits();
      field.focus();
    }
  });
  if (field && hits) {
    hits.addEventListener("htmx:afterSwap", function () {
      hits.hidden = field.value.trim() === "" || hits.childElementCount === 0;
      field.setAttribute("aria-expanded", String(!hits.hidden));
    });
    field.addEventListener("input", function () {
      if (field.value.trim() === "") closeHits();
    });
    field.closest("[data-search]").addEventListener("keydown", function (event) {
      if (hits.hidden || (event.key !== "ArrowDown" && event.key !== "ArrowUp")) return;
      var all = [field].concat(options());
      var step = event.key === "ArrowDown" ? 1 : -1;
      event.preventDefault();
      all[(all.indexOf(document.activeElement) + step + all.length) % all.length].focus();
    });
    document.addEventListener("focusin", function (event) {
      if (!event.target.closest("[data-search]")) closeHits();
    });
    document.addEventListener("click", function (event) {
      if (!event.target.closest("[data-search]")) closeHits();
    });
  }

  // --- Filters: a change goes into the address at once; empty fields stay out of it --------------------------
  document.addEventListener("change", function (event) {
    var form = event.target.closest("form[data-filters]");
    if (form && event.target.type !== "search") form.requestSubmit();
  });
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (form.matches("[data-confirm]") && !window.confirm(form.dataset.confirm)) {
      event.preventDefault();
      return;
    }
    if (form.matches("form[data-filters]")) {
      Array.from(form.elements).forEach(function (element) {
        if (element.name && element.value === "") element.disabled = true;
      });
    }
  });
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-filters] :disabled").forEach(function (element) {
      element.disabled = false;
    });
  });

  // --- Picture or table --------------------------------------------------------------------------------------
  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-view-switch]");
    if (!button) return;
    var figure = button.closest(".chart-figure");
    var table = button.dataset.viewSwitch === "table";
    figure.querySelector(".chart-picture").hidden = table;
    figure.querySelector(".chart-table").hidden = !table;
    figure.querySelectorAll("[data-view-switch]").forEach(function (other) {
      other.setAttribute("aria-pressed", String(other === button));
      other.classList.toggle("active", other === button);
    });
    if (!table) document.dispatchEvent(new CustomEvent("chartshown"));
  });

  // --- Definitions: on hover and on focus, gone on Escape ----------------------------------------------------
  function tips(scope) {
    if (!window.tabler || !window.tabler.Tooltip) return;
    scope.querySelectorAll("[data-term]").forEach(function (element) {
      window.tabler.Tooltip.getOrCreateInstance(element, {
        title: element.dataset.term, trigger: "hover focus", placement: "top", customClass: "term-tip", container: "body"
      });
    });
  }
  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape" || !window.tabler) return;
    document.querySelectorAll("[data-term][aria-describedby]").forEach(function (element) {
      var tip = window.tabler.Tooltip.getInstance(element);
      if (tip) tip.hide();
    });
  });
  document.addEventListener("DOMContentLoaded", function () { tips(document); });
  document.addEventListener("htmx:load", function (event) { tips(event.detail.elt); });

  // --- The tab or step of now, when there is no room for all ---------------------------------------------------
  document.querySelectorAll(".page-tabs .active, .steps-nav .is-current").forEach(function (element) {
    var strip = element.closest(".page-tabs, .steps-nav");
    strip.scrollLeft = element.offsetLeft - (strip.clientWidth - element.offsetWidth) / 2;
  });

  // --- The menu on a phone -----------------------------------------------------------------------------------
  var sidebar = document.getElementById("sidebar");
  var toggle = document.querySelector("[data-menu-toggle]");
  function menu(open) {
    sidebar.classList.toggle("is-open", open);
    toggle.setAttribute("aria-expanded", String(open));
    document.querySelector(".sidebar-shade").hidden = !open;
    if (open) sidebar.querySelector("a").focus();
  }
  if (sidebar && toggle) {
    toggle.addEventListener("click", function () { menu(!sidebar.classList.contains("is-open")); });
    document.querySelectorAll("[data-menu-close]").forEach(function (element) {
      element.addEventListener("click", function () { menu(false); toggle.focus(); });
    });
    document.addEventListener("keydown", function (event) {
      if (event.key === "Escape" && sidebar.classList.contains("is-open")) { menu(false); toggle.focus(); }
    });
  }
})();
