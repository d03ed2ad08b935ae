// The editor of a text: blocks and variables at the cursor, a preview that follows, problems that lead to their place.
(function () {
  "use strict";
  var form = document.querySelector("[data-editor]");
  if (!form) return;
  var preview = document.getElementById("preview");
  var fields = Array.from(form.querySelectorAll("[data-field]"));
  var body = form.querySelector('[data-field="body"]');
  var unsaved = form.querySelector("[data-unsaved]");
  var last = body;
  var dirty = false;
  var timer = 0;

  function refresh(wait) {
    window.clearTimeout(timer);
    timer = window.setTimeout(function () { window.htmx.trigger(preview, "refresh"); }, wait);
  }
  function changed() {
    dirty = true;
    if (unsaved) unsaved.hidden = false;
    refresh(500);
  }
  fields.forEach(function (field) {
    field.addEventListener("focus", function () { last = field; });
    field.addEventListener("input", changed);
  });
  ["patient", "offer"].forEach(function (name) {
    form.elements[name].addEventListener("change", function () { refresh(0); });
  });
  form.addEventListener("submit", function () { dirty = false; });
  window.addEventListener("beforeunload", function (event) {
    if (dirty) event.preventDefault();
  });

  // --- Something at the cursor; the browser's own undo takes it back ------------------------------------------
  function put(field, text, selectFrom, selectTo) {
    field.focus();
    var start = field.selectionStart;
    if (!document.execCommand("insertText", false, text)) {
      field.setRangeText(text, start, field.selectionEnd, "end");
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
    if (selectFrom !== undefined) field.setSelectionRange(start + selectFrom, start + selectTo);
  }
  form.addEventListener("click", function (event) {
    var button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.insert !== undefined) {
      var text = button.dataset.insert;
      // A block begins on a line of its own; one empty line is enough.
      if (text[0] === "\n") {
        var before = body.value.slice(0, body.selectionStart);
        text = (before === "" || /\n\n$/.test(before) ? "" : /\n$/.test(before) ? "\n" : "\n\n") + text.slice(1);
        put(body, text);
      } else put(last, text);
    } else if (button.dataset.wrap !== undefined) {
      var mark = button.dataset.wrap;
      var chosen = body.value.slice(body.selectionStart, body.selectionEnd);
      put(body, mark + chosen + mark, mark.length, mark.length + chosen.length);
    } else if (button.dataset.variable !== undefined) {
      put(last, "{{ " + button.dataset.variable + " }}");
    } else if (button.dataset.goto !== undefined) {
      goTo(button.dataset.goto, Number(button.dataset.line), Number(button.dataset.column));
    } else if (button.dataset.show !== undefined) {
      show(button.dataset.show);
    }
  });

  // --- To the place of a problem ------------------------------------------------------------------------------
  function goTo(name, line, column) {
    var field = form.querySelector('[data-field="' + name + '"]') || body;
    var lines = field.value.split("\n");
    var at = 0;
    for (var i = 0; i < Math.min(line - 1, lines.length); i++) at += lines[i].length + 1;
    at += Math.max((column || 1) - 1, 0);
    field.focus();
    field.setSelectionRange(at, Math.min(at + 12, field.value.length));
    if (field.tagName === "TEXTAREA") {
      var height = parseFloat(window.getComputedStyle(field).lineHeight) || 20;
      field.scrollTop = Math.max((line - 4) * height, 0);
    }
  }

  // --- The preview --------------------------------------------------------------------------------------------
  function show(view) {
    preview.dataset.shown = view;
    form.querySelectorAll("[data-show]").forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.dataset.show === view));
    });
    applyView();
  }
  function applyView() {
    var plain = preview.dataset.shown === "plain";
    preview.querySelectorAll("[data-view]").forEach(function (part) {
      part.hidden = (part.dataset.view === "plain") !== plain;
    });
  }
  preview.addEventListener("htmx:beforeRequest", function () { preview.setAttribute("aria-busy", "true"); });
  preview.addEventListener("htmx:afterSwap", function () {
    preview.setAttribute("aria-busy", "false");
    applyView();
  });
  preview.addEventListener("htmx:responseError", function () { preview.setAttribute("aria-busy", "false"); });

  // --- Variables ----------------------------------------------------------------------------------------------
  var search = form.querySelector("[data-variable-search]");
  search.addEventListener("keydown", function (event) { if (event.key === "Enter") event.preventDefault(); });
  search.addEventListener("input", function () {
    var words = search.value.trim().toLowerCase();
    form.querySelectorAll("[data-variable-group]").forEach(function (group) {
      var left = 0;
      group.querySelectorAll("[data-variable-row]").forEach(function (row) {
        row.hidden = words !== "" && row.textContent.toLowerCase().indexOf(words) < 0;
        if (!row.hidden) left++;
      });
      group.hidden = left === 0;
    });
  });
})();
