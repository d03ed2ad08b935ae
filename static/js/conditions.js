// The editor of conditions: draws a tree, keeps it as JSON in a hidden input, asks for its size and its sentence.
// Everything it draws comes from the data block beside it; see segmentation/reports/editor.py.
(function () {
  "use strict";
  var WAIT = 450;
  var MODES = ["all", "any", "none", "not_all"];

  // --- Small helpers -----------------------------------------------------------------------------------------
  function el(tag, attributes, children) {
    var node = document.createElement(tag);
    Object.keys(attributes || {}).forEach(function (name) {
      var value = attributes[name];
      if (value === undefined || value === null || value === false) return;
      if (name === "text") node.textContent = value;
      else if (name.indexOf("on") === 0) node.addEventListener(name.slice(2), value);
      else node.setAttribute(name, value === true ? "" : value);
    });
    (children || []).forEach(function (child) { if (child) node.appendChild(child); });
    return node;
  }
  function icon(name) { return el("i", { class: "ti " + name, "aria-hidden": "true" }); }
  function copy(value) { return JSON.parse(JSON.stringify(value)); }
  function csrf() {
    try { return JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"]; } catch (error) { return ""; }
  }
  var serial = 0;
  function fresh(prefix) { serial += 1; return prefix + "-" + serial; }

  // --- The model: groups and conditions, easier to draw than the tree that is stored ---------------------------
  function groupOf(tree, mode) {
    return { mode: mode, children: tree.map(read).filter(Boolean) };
  }
  function read(tree) {
    if (!tree || typeof tree !== "object") return null;
    if (tree.attribute !== undefined) return { leaf: copy(tree), negated: false };
    if (Array.isArray(tree.all)) return groupOf(tree.all, "all");
    if (Array.isArray(tree.any)) return groupOf(tree.any, "any");
    if (tree.not) {
      var inner = read(tree.not);
      if (!inner) return null;
      if (inner.leaf) return { leaf: inner.leaf, negated: !inner.negated };
      inner.mode = { all: "not_all", any: "none", none: "any", not_all: "all" }[inner.mode];
      return inner;
    }
    return null;
  }
  function root(tree) {
    var found = read(tree);
    if (!found) return { mode: "all", children: [] };
    return found.leaf ? { mode: "all", children: [found] } : found;
  }
  // The tree, with the place of every node noted on it: problems come back by place.
  function write(node, path) {
    if (node.leaf) {
      node.path = node.negated ? path + ".not" : path;
      var leaf = {};
      Object.keys(node.leaf).forEach(function (key) {
        var value = node.leaf[key];
        if (value !== undefined && value !== null && !(Array.isArray(value) && !value.length)) leaf[key] = value;
      });
      return node.negated ? { not: leaf } : leaf;
    }
    var negated = node.mode === "none" || node.mode === "not_all";
    var key = node.mode === "all" || node.mode === "not_all" ? "all" : "any";
    node.path = path + (negated ? ".not" : "");
    var inner = {};
    inner[key] = node.children.map(function (child, i) { return write(child, node.path + "." + key + "[" + i + "]"); });
    return negated ? { not: inner } : inner;
  }

  // --- One editor --------------------------------------------------------------------------------------------
  function Editor(host) {
    this.host = host;
    this.data = JSON.parse(host.querySelector("script[type='application/json']").textContent);
    this.words = this.data.words;
    this.input = host.querySelector("[data-conditions-value]");
    this.body = host.querySelector("[data-conditions-body]");
    this.count = host.querySelector("[data-conditions-count]");
    this.said = host.querySelector("[data-conditions-sentence]");
    this.attributes = {};
    this.data.attributes.forEach(function (one) { this.attributes[one.code] = one; }, this);
    this.model = root(this.data.tree);
    this.draw();
    this.changed(0);
  }

  Editor.prototype.tree = function () {
    return this.model.children.length ? write(this.model, "where") : {};
  };

  Editor.prototype.changed = function (wait) {
    var editor = this;
    this.input.value = JSON.stringify(this.tree());
    this.host.dispatchEvent(new CustomEvent("conditionschange", { bubbles: true }));
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(function () { editor.ask(); }, wait === undefined ? WAIT : wait);
  };

  Editor.prototype.ask = function () {
    var editor = this;
    if (this.pending) this.pending.abort();
    this.pending = new AbortController();
    this.host.setAttribute("aria-busy", "true");
    if (!this.count.textContent) this.count.textContent = this.words.counting;
    fetch(this.data.urls.count, {
      method: "POST", signal: this.pending.signal, body: new URLSearchParams({ where: this.input.value }),
      headers: { "X-CSRFToken": csrf() }
    }).then(function (answer) {
      if (!answer.ok) throw new Error(String(answer.status));
      return answer.json();
    }).then(function (answer) { editor.answered(answer); }).catch(function (error) {
      if (error.name === "AbortError") return;
      editor.host.removeAttribute("aria-busy");
      editor.count.textContent = editor.words.failed;
    });
  };

  Editor.prototype.answered = function (answer) {
    this.host.removeAttribute("aria-busy");
    this.clearProblems(this.model);
    this.host.querySelectorAll(".cond-problem").forEach(function (line) { line.textContent = ""; line.hidden = true; });
    this.count.textContent = "";
    this.said.textContent = answer.sentence || "";
    this.host.dataset.patients = answer.patients === undefined ? "" : String(answer.patients);
    if (answer.problems.length) {
      answer.problems.forEach(this.showProblem, this);
      return;
    }
    this.count.appendChild(el("b", { text: answer.count }));
    if (answer.share) this.count.appendChild(el("span", { text: answer.share }));
  };

  Editor.prototype.clearProblems = function (node) {
    if (node.box) node.box.classList.remove("has-problem");
    (node.children || []).forEach(this.clearProblems, this);
  };

  // The problem stands at the deepest node whose place it begins with.
  Editor.prototype.showProblem = function (problem) {
    var found = null;
    (function look(node) {
      if (node.path && problem.path.indexOf(node.path) === 0) found = node;
      (node.children || []).forEach(look);
    })(this.model);
    var line = found && found.problem ? found.problem : this.rootProblem;
    if (found && found.box) found.box.classList.add("has-problem");
    var field = found && found.labels && found.labels[problem.path.slice(found.path.length + 1).split(/[.[]/)[0]];
    line.textContent = (line.textContent ? line.textContent + " " : "") + (field ? field + ": " : "") + problem.message;
    line.hidden = false;
  };

  // --- Drawing -----------------------------------------------------------------------------------------------
  Editor.prototype.draw = function (focus) {
    this.body.textContent = "";
    this.rootProblem = el("p", { class: "cond-problem", role: "alert", hidden: true });
    if (this.host.dataset.withoutRecipes === undefined) this.body.appendChild(this.recipes());
    this.body.appendChild(this.group(this.model, null));
    this.body.appendChild(this.rootProblem);
    var target = focus && (focus.first || focus.box);
    if (target) target.focus();
  };

  Editor.prototype.redraw = function (focus) {
    this.draw(focus);
    this.changed();
  };

  Editor.prototype.recipes = function () {
    var editor = this;
    return el("div", { class: "cond-recipes" }, [
      el("span", { class: "cond-recipes-label", text: this.words.recipes })
    ].concat(this.data.recipes.map(function (recipe) {
      return el("button", {
        type: "button", class: "btn btn-sm", title: recipe.about, text: recipe.label, "data-recipe": true,
        onclick: function () { editor.take(recipe.tree); }
      });
    })));
  };

  Editor.prototype.take = function (tree) {
    var taken = root(copy(tree));
    if (!this.model.children.length) this.model = taken;
    else if (this.model.mode === "all" && taken.mode === "all") {
      Array.prototype.push.apply(this.model.children, taken.children);
    } else this.model = { mode: "all", children: [this.model, taken] };
    this.redraw(taken.children[0]);
  };

  Editor.prototype.iconButton = function (name, label, action) {
    return el("button", { type: "button", class: "btn btn-icon btn-sm cond-tool", title: label, "aria-label": label, onclick: action }, [icon(name)]);
  };

  Editor.prototype.tools = function (node, parent) {
    var editor = this;
    return el("div", { class: "cond-tools" }, [
      this.iconButton("ti-copy", this.words.duplicate, function () {
        var path = write(node, "where");
        var twin = read(copy(path));
        parent.children.splice(parent.children.indexOf(node) + 1, 0, twin);
        editor.redraw(twin);
      }),
      this.iconButton("ti-trash", this.words.remove, function () {
        var place = parent.children.indexOf(node);
        parent.children.splice(place, 1);
        editor.redraw(parent.children[Math.min(place, parent.children.length - 1)] || parent);
      })
    ]);
  };

  Editor.prototype.group = function (group, parent) {
    var editor = this, words = this.words;
    var mode = el("select", {
      class: "form-select form-select-sm cond-mode", "aria-label": words.which,
      onchange: function (event) { group.mode = event.target.value; editor.changed(); }
    }, MODES.map(function (code) { return el("option", { value: code, text: words[code], selected: group.mode === code }); }));
    group.first = mode;
    group.problem = el("p", { class: "cond-problem", role: "alert", hidden: true });
    group.box = el("fieldset", { class: "cond-group" + (parent ? "" : " is-root") }, [
      el("legend", { class: "visually-hidden", text: words.group }),
      el("div", { class: "cond-head" }, [
        el("span", { text: words.which }), mode, parent ? this.tools(group, parent) : null
      ]),
      group.problem
    ]);
    var list = el("div", { class: "cond-list" });
    group.children.forEach(function (child) {
      list.appendChild(child.leaf ? editor.leaf(child, group) : editor.group(child, group));
    });
    if (!group.children.length) list.appendChild(el("p", { class: "cond-empty", text: words.empty }));
    group.box.appendChild(list);
    group.box.appendChild(el("div", { class: "cond-add" }, [
      this.attributeSelect("", words.add, function (code) {
        var added = { leaf: editor.blank(code), negated: false };
        group.children.push(added);
        editor.redraw(added);
      }),
      el("button", {
        type: "button", class: "btn btn-sm", "data-add-group": true, onclick: function () {
          var added = { mode: group.mode === "any" ? "all" : "any", children: [] };
          group.children.push(added);
          editor.redraw(added);
        }
      }, [icon("ti-brackets"), el("span", { text: words.add_group })])
    ]));
    return group.box;
  };

  Editor.prototype.attributeSelect = function (chosen, prompt, action) {
    var editor = this;
    var select = el("select", {
      class: "form-select form-select-sm" + (chosen ? " cond-attribute" : " cond-new"),
      "aria-label": chosen ? this.words.condition : prompt,
      onchange: function (event) { if (event.target.value) action(event.target.value); }
    }, chosen ? [] : [el("option", { value: "", text: "+ " + prompt })]);
    this.data.groups.forEach(function (group) {
      var options = editor.data.attributes.filter(function (one) { return one.group === group.code; });
      select.appendChild(el("optgroup", { label: group.label }, options.map(function (one) {
        return el("option", { value: one.code, text: one.label, selected: one.code === chosen });
      })));
    });
    return select;
  };

  Editor.prototype.blank = function (code) {
    var operator = this.attributes[code].operators[0];
    return this.kept({ attribute: code, is: operator.code }, {}, operator);
  };

  // What of an old condition the fields of another operator can keep; windows that are needed get a start.
  Editor.prototype.kept = function (leaf, old, operator) {
    operator.fields.forEach(function (field) {
      var before = old[field.name], value;
      if (field.kind === "range") value = Array.isArray(before) && typeof before[0] === "number" ? before : typeof before === "number" ? [before, before] : undefined;
      else if (field.kind === "number") value = Array.isArray(before) && typeof before[0] === "number" ? before[0] : typeof before === "number" ? before : undefined;
      else if (field.kind === "days") value = before && typeof before === "object" && before.unit ? before : undefined;
      else if (field.kind === "date") value = typeof before === "string" ? before : undefined;
      else value = before;
      if (value === undefined && field.kind === "days" && field.required) value = { to: field.ahead ? 14 : 30, unit: "days" };
      if (value !== undefined) leaf[field.name] = value;
    });
    return leaf;
  };

  Editor.prototype.leaf = function (node, parent) {
    var editor = this, words = this.words, leaf = node.leaf;
    var attribute = this.attributes[leaf.attribute];
    node.problem = el("p", { class: "cond-problem", role: "alert", hidden: true });
    node.labels = {};
    if (!attribute) { // saved by another version
      node.box = el("div", { class: "cond-leaf" }, [
        el("code", { text: String(leaf.attribute) }), this.tools(node, parent), node.problem
      ]);
      return node.box;
    }
    var operator = attribute.operators.filter(function (one) { return one.code === leaf.is; })[0];
    if (!operator) { operator = attribute.operators[0]; leaf.is = operator.code; }
    var negation = el("select", {
      class: "form-select form-select-sm cond-not", "aria-label": words.is + " / " + words.is_not,
      onchange: function (event) { node.negated = event.target.value === "not"; node.box.classList.toggle("is-not", node.negated); editor.changed(); }
    }, [el("option", { value: "", text: words.is }), el("option", { value: "not", text: words.is_not, selected: node.negated })]);
    var subject = this.attributeSelect(leaf.attribute, "", function (code) { node.leaf = editor.blank(code); editor.redraw(node); });
    node.first = subject;
    var line = [negation, subject];
    if (attribute.operators.length > 1) {
      line.push(el("select", {
        class: "form-select form-select-sm cond-operator", "aria-label": words.operator,
        onchange: function (event) {
          var chosen = attribute.operators.filter(function (one) { return one.code === event.target.value; })[0];
          node.leaf = editor.kept({ attribute: attribute.code, is: chosen.code }, leaf, chosen);
          editor.redraw(node);
        }
      }, attribute.operators.map(function (one) {
        return el("option", { value: one.code, text: one.label, selected: one.code === operator.code });
      })));
    }
    var fields = el("div", { class: "cond-fields" });
    var later = [];
    operator.fields.forEach(function (field) {
      node.labels[field.name] = field.label;
      var shown = field.required || attribute.one_of.indexOf(field.name) >= 0 || leaf[field.name] !== undefined || (node.opened || {})[field.name];
      if (shown) fields.appendChild(editor.field(node, field, attribute));
      else later.push(field);
    });
    node.box = el("div", { class: "cond-leaf" + (node.negated ? " is-not" : "") }, [
      el("div", { class: "cond-line" }, line.concat([this.tools(node, parent)])), fields
    ]);
    if (later.length) {
      node.box.appendChild(el("div", { class: "cond-more" }, [el("span", { text: words.more })].concat(later.map(function (field) {
        return el("button", {
          type: "button", class: "btn btn-sm btn-ghost-secondary", text: "+ " + field.label, "data-more": field.name,
          onclick: function () { editor.open(node, field); }
        });
      }))));
    }
    if (attribute.nightly || attribute.help) {
      var said = (attribute.help || "").toLowerCase().indexOf(words.nightly.toLowerCase()) >= 0;
      var notes = [attribute.help, attribute.nightly && !said ? words.nightly : ""].filter(Boolean).join(" · ");
      node.box.appendChild(el("p", { class: "cond-help", text: notes }));
    }
    node.box.appendChild(node.problem);
    return node.box;
  };

  Editor.prototype.open = function (node, field) {
    node.opened = node.opened || {};
    node.opened[field.name] = true;
    if (field.kind === "days") node.leaf[field.name] = { to: 12, unit: "months" };
    if (field.kind === "count") node.leaf[field.name] = { at_least: 2 };
    this.redraw(node);
    var target = node.box.querySelector("[data-field='" + field.name + "'] :is(input, select)");
    if (target) target.focus();
  };

  Editor.prototype.field = function (node, field, attribute) {
    var editor = this;
    var id = fresh("cond");
    var set = function (value) { node.leaf[field.name] = value; editor.changed(); };
    var draw = FIELDS[field.kind];
    var optional = !field.required && attribute.one_of.indexOf(field.name) < 0;
    var caption = field.label;
    return el("div", { class: "cond-field is-" + field.kind, "data-field": field.name, role: "group", "aria-labelledby": id }, [
      el("span", { class: "cond-caption", id: id, text: caption }),
      draw.call(editor, field, node.leaf[field.name], set, caption),
      optional ? this.iconButton("ti-x", this.words.take_away + ": " + caption, function () {
        delete node.leaf[field.name];
        if (node.opened) delete node.opened[field.name];
        editor.redraw(node);
      }) : null
    ]);
  };

  // --- Fields ------------------------------------------------------------------------------------------------
  function numberInput(field, value, label, action) {
    return el("input", {
      type: "number", class: "form-control form-control-sm cond-number", "aria-label": label, inputmode: field.whole ? "numeric" : "decimal",
      min: field.least > -1e12 ? field.least : undefined, max: field.most < 1e12 ? field.most : undefined,
      step: field.whole ? 1 : "any", value: value === undefined || value === null ? "" : value,
      oninput: function (event) {
        var text = event.target.value;
        action(text === "" || isNaN(Number(text)) ? null : Number(text));
      }
    });
  }
  function select(label, options, chosen, action, css) {
    return el("select", { class: "form-select form-select-sm " + (css || ""), "aria-label": label, onchange: function (event) { action(event.target.value); } },
      options.map(function (one) { return el("option", { value: one[0], text: one[1], selected: one[0] === chosen }); }));
  }
  function row(children) { return el("div", { class: "cond-row" }, children); }
  function unit(field) { return field.unit ? el("span", { class: "cond-unit", text: field.unit }) : null; }

  var FIELDS = {
    number: function (field, value, set, label) {
      return row([numberInput(field, value, label, set), unit(field)]);
    },
    range: function (field, value, set, label) {
      var pair = Array.isArray(value) ? value.slice() : [null, null];
      var save = function () { set(pair[0] === null && pair[1] === null ? null : pair.slice()); };
      return row([
        numberInput(field, pair[0], label + ", " + this.words.from, function (n) { pair[0] = n; save(); }),
        el("span", { text: "–" }),
        numberInput(field, pair[1], label + ", " + this.words.to, function (n) { pair[1] = n; save(); }), unit(field)
      ]);
    },
    date: function (field, value, set, label) {
      return row([el("input", {
        type: "date", class: "form-control form-control-sm", "aria-label": label, value: value || "", min: "1900-01-01", max: "2200-12-31",
        onchange: function (event) { set(event.target.value || null); }
      })]);
    },
    days: function (field, value, set, label) {
      var words = this.words;
      var now = value && typeof value === "object" ? copy(value) : { unit: "months" };
      var shape = now.from && now.to !== undefined && now.to !== null ? "between" : now.from ? "earlier" : "last";
      var box = row([]);
      var whole = { whole: true, least: 0, most: 36525 };
      var save = function () {
        var kept = { unit: now.unit };
        if (shape !== "last" && now.from !== null && now.from !== undefined) kept.from = now.from;
        if (shape !== "earlier" && now.to !== null && now.to !== undefined) kept.to = now.to;
        set(kept);
      };
      var shapes = [["last", field.ahead ? words.next : words.last], ["between", field.ahead ? words.between_ahead : words.between_ago], ["earlier", field.ahead ? words.later : words.earlier]];
      function fill() {
        box.textContent = "";
        box.appendChild(select(words.shape, shapes, shape, function (code) {
          shape = code;
          if (shape === "earlier" && !now.from) now.from = now.to;
          if (shape === "last" && !now.to) now.to = now.from;
          if (shape === "between" && !now.from) now.from = Math.max(0, Math.floor((now.to || 2) / 2));
          if (shape === "between" && !now.to) now.to = (now.from || 0) * 2 || 2;
          fill();
          save();
          box.querySelector("input").focus();
        }, "cond-shape"));
        if (shape !== "last") box.appendChild(numberInput(whole, now.from, label + ", " + words.from, function (n) { now.from = n; save(); }));
        if (shape === "between") box.appendChild(el("span", { text: "–" }));
        if (shape !== "earlier") box.appendChild(numberInput(whole, now.to, label + ", " + words.to, function (n) { now.to = n; save(); }));
        box.appendChild(select(label + ", " + words.unit, [["days", words.days], ["weeks", words.weeks], ["months", words.months], ["years", words.years]], now.unit, function (code) { now.unit = code; save(); }, "cond-units"));
        if (shape !== "last" && !field.ahead) box.appendChild(el("span", { class: "cond-unit", text: words.ago }));
      }
      fill();
      return box;
    },
    count: function (field, value, set, label) {
      var words = this.words;
      var now = value || {};
      var low = now.at_least, high = now.at_most;
      var shape = high === 0 ? "never" : low != null && high != null ? "between" : high != null ? "at_most" : "at_least";
      var box = row([]);
      var save = function () {
        if (shape === "never") return set({ at_most: 0 });
        var kept = {};
        if (shape !== "at_most" && low != null) kept.at_least = low;
        if (shape !== "at_least" && high != null) kept.at_most = high;
        return set(kept);
      };
      function fill() {
        box.textContent = "";
        box.appendChild(select(label, [["at_least", words.at_least], ["at_most", words.at_most], ["between", words.between], ["never", words.never]], shape, function (code) {
          shape = code;
          if (low == null) low = high || 1;
          if (!high) high = (low || 1) + 1;
          fill();
          save();
        }));
        if (shape === "at_least" || shape === "between") box.appendChild(numberInput(field, low, label + ", " + words.from, function (n) { low = n; save(); }));
        if (shape === "between") box.appendChild(el("span", { text: "–" }));
        if (shape === "at_most" || shape === "between") box.appendChild(numberInput(field, high, label + ", " + words.to, function (n) { high = n; save(); }));
        if (shape !== "never") box.appendChild(el("span", { class: "cond-unit", text: words.times }));
      }
      fill();
      return box;
    },
    choice: function (field, value, set, label) {
      return row([select(label, field.choices, value || field.choices[0][0], set)]);
    },
    choices: function (field, value, set, label) {
      var chosen = Array.isArray(value) ? value.slice() : [];
      return el("div", { class: "cond-checks" }, field.choices.map(function (one) {
        return el("label", { class: "form-check form-check-inline" }, [
          el("input", {
            type: "checkbox", class: "form-check-input", value: one[0], checked: chosen.indexOf(one[0]) >= 0,
            onchange: function (event) {
              chosen = chosen.filter(function (code) { return code !== one[0]; });
              if (event.target.checked) chosen.push(one[0]);
              set(chosen.slice());
            }
          }),
          el("span", { class: "form-check-label", text: one[1] })
        ]);
      }));
    },
    ids: function (field, value, set, label) { return this.tokens(field, value, set, label, false); },
    texts: function (field, value, set, label) { return this.tokens(field, value, set, label, true); }
  };

  // --- Chosen things, found by typing --------------------------------------------------------------------------
  Editor.prototype.tokens = function (field, value, set, label, free) {
    var editor = this, words = this.words;
    var chosen = Array.isArray(value) ? value.slice() : [];
    var names = this.data.names[field.source] = this.data.names[field.source] || {};
    var listId = fresh("cond-list");
    var box = el("div", { class: "cond-tokens" });
    var chips = el("span", { class: "cond-chips" });
    var list = el("ul", { class: "cond-options", id: listId, role: "listbox", "aria-label": label, hidden: true });
    var active = -1, asked = 0, timer;
    var input = el("input", {
      type: "text", class: "cond-search", placeholder: words.search, "aria-label": label + ": " + words.search, role: "combobox",
      autocomplete: "off", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": listId,
      oninput: function () { window.clearTimeout(timer); timer = window.setTimeout(look, 180); },
      onclick: look, onkeydown: keys,
      onblur: function () { window.setTimeout(close, 150); if (free && input.value.trim()) add(input.value.trim(), input.value.trim(), true); }
    });
    function name(one) { return free ? one : names[String(one)] || "№ " + one; }
    function save() { set(chosen.slice()); }
    function fill() {
      chips.textContent = "";
      chosen.forEach(function (one) {
        chips.appendChild(el("span", { class: "cond-chip" }, [
          el("span", { text: name(one) }),
          el("button", {
            type: "button", "aria-label": words.take_away + ": " + name(one),
            onclick: function () { chosen.splice(chosen.indexOf(one), 1); fill(); save(); input.focus(); }
          }, [icon("ti-x")])
        ]));
      });
    }
    function close() { list.hidden = true; active = -1; input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant"); }
    function add(one, title, quiet) {
      if (chosen.indexOf(one) < 0) { names[String(one)] = title; chosen.push(one); fill(); save(); }
      input.value = "";
      close();
      if (!quiet) input.focus();
    }
    function look() {
      if (!field.source) return;
      var mine = asked += 1;
      var query = new URLSearchParams({ source: field.source, q: input.value });
      fetch(editor.data.urls.options + "?" + query).then(function (answer) { return answer.json(); }).then(function (answer) {
        if (mine !== asked || document.activeElement !== input) return;
        show(answer.options.filter(function (one) { return chosen.indexOf(one[0]) < 0; }));
      }).catch(close);
    }
    function show(options) {
      list.textContent = "";
      active = -1;
      options.forEach(function (one) {
        list.appendChild(el("li", {
          role: "option", id: fresh("cond-option"), "aria-selected": "false", text: one[1],
          onmousedown: function (event) { event.preventDefault(); add(one[0], one[1]); }
        }));
      });
      if (!options.length && !free) list.appendChild(el("li", { class: "is-nothing", text: words.nothing }));
      list.hidden = !list.childElementCount;
      input.setAttribute("aria-expanded", String(!list.hidden));
      list.choose = function (place) { add(options[place][0], options[place][1]); };
      list.size = options.length;
    }
    function keys(event) {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        if (list.hidden) { look(); return; }
        if (!list.size) return;
        active = (active + (event.key === "ArrowDown" ? 1 : -1) + list.size) % list.size;
        Array.from(list.children).forEach(function (item, place) {
          item.setAttribute("aria-selected", String(place === active));
          if (place === active) { input.setAttribute("aria-activedescendant", item.id); item.scrollIntoView({ block: "nearest" }); }
        });
      } else if (event.key === "Enter") {
        event.preventDefault(); // never sends the form around it
        if (!list.hidden && list.size && active >= 0) list.choose(active);
        else if (free && input.value.trim()) add(input.value.trim(), input.value.trim());
        else if (!list.hidden && list.size === 1) list.choose(0);
      } else if (event.key === "Escape" && !list.hidden) {
        event.stopPropagation();
        close();
      } else if (event.key === "Backspace" && !input.value && chosen.length) {
        chosen.pop();
        fill();
        save();
      }
    }
    fill();
    box.appendChild(chips);
    box.appendChild(input);
    box.appendChild(list);
    return box;
  };

  // --- Start: on the page and in what htmx brings later ---------------------------------------------------------
  function start(scope) {
    scope.querySelectorAll("[data-conditions]").forEach(function (host) {
      if (!host.conditions) host.conditions = new Editor(host);
    });
  }
  if (!window.conditionsEditor) {
    window.conditionsEditor = true;
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", function () { start(document); });
    else start(document);
    document.addEventListener("htmx:load", function (event) { start(event.detail.elt.parentElement || document); });
  }
})();
