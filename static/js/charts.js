// Draws the pictures of a page. The page puts data into <script type="application/json"> (see docs/ui.md); colours come
// from the theme and from the segments.
(function () {
  "use strict";
  var language = document.documentElement.lang || "ru";
  var drawn = [];

  function colour(variable) {
    var probe = document.createElement("span");
    probe.style.color = "var(" + variable + ")";
    document.body.appendChild(probe);
    var value = getComputedStyle(probe).color;
    probe.remove();
    return value;
  }
  function theme() {
    return {
      ink: colour("--ink"), quiet: colour("--quiet"), line: colour("--line"), surface: colour("--surface"),
      primary: colour("--tblr-primary"), second: colour("--warn"), bad: colour("--bad"), good: colour("--good"),
      font: getComputedStyle(document.body).fontFamily
    };
  }
  function escape(text) {
    var box = document.createElement("div");
    box.textContent = text;
    return box.innerHTML;
  }

  // --- Numbers and dates as the reader writes them ------------------------------------------------------------
  function written(value, unit) {
    if (value === null || value === undefined) return "—";
    if (unit === "share") {
      return new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 }).format(value);
    }
    var text = new Intl.NumberFormat(language, { maximumFractionDigits: 0 }).format(value).replace(/,/g, "\u202f");
    return unit === "money" ? text + "\u00a0₽" : text;
  }
  function onAxis(value, unit) {
    if (unit === "share") return written(value, unit);
    return new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 }).format(value);
  }
  function date(value, options) {
    return new Intl.DateTimeFormat(language, options).format(new Date(value));
  }

  var ruler = document.createElement("canvas").getContext("2d");
  function measure(text, size, look) {
    ruler.font = size + "px " + look.font;
    return ruler.measureText(text).width;
  }

  // --- Kinds of pictures ------------------------------------------------------------------------------------
  function tooltip(look) {
    return {
      backgroundColor: look.surface, borderColor: look.line, textStyle: { color: look.ink, fontSize: 13 },
      extraCssText: "box-shadow:0 8px 24px rgb(16 24 40 / 16%);border-radius:8px", confine: true
    };
  }

  // Every name of the legend is in sight: as many rows as they need.
  function legendRows(config, look, width) {
    var room = width - 12, used = 0, rows = 1;
    config.series.forEach(function (s) {
      var wide = measure(s.name, 12.5, look) + 36;
      if (used && used + wide > room) { rows += 1; used = 0; }
      used += wide;
    });
    return rows;
  }

  function timeOption(config, look, width) {
    var palette = [look.primary, look.second, look.quiet];
    var axes = Math.max.apply(null, config.series.map(function (s) { return s.axis || 0; })) + 1;
    var units = [];
    config.series.forEach(function (s) { units[s.axis || 0] = s.unit; });
    var legend = config.series.length > 1;
    return {
      animation: false,
      textStyle: { fontFamily: look.font },
      grid: { left: 8, right: axes > 1 ? 8 : 16, top: legend ? 22 + 22 * legendRows(config, look, width) : 16, bottom: 8, containLabel: true },
      legend: {
        show: legend, type: "plain", top: 0, left: 4, icon: "circle", itemWidth: 10, itemHeight: 10, itemGap: 16,
        textStyle: { color: look.ink, fontSize: 12.5 }
      },
      tooltip: Object.assign(tooltip(look), {
        trigger: "axis",
        axisPointer: { type: "line", lineStyle: { color: look.quiet, type: "dashed" } },
        formatter: function (items) {
          var head = "<b>" + date(items[0].value[0], { day: "numeric", month: "long", year: "numeric" }) + "</b>";
          var total = 0;
          var lines = items.map(function (item) {
            total += item.value[1] || 0;
            return item.marker + escape(item.seriesName) + ": <b>" +
              written(item.value[1], config.series[item.seriesIndex].unit) + "</b>";
          });
          if (config.stack) lines = lines.reverse().concat(escape(config.total) + ": <b>" + written(total, units[0]) + "</b>");
          return [head].concat(lines).join("<br>");
        }
      }),
      xAxis: {
        // A day at least between two labels: figures are one a night, and of a single night the axis shows nothing else.
        type: "time", minInterval: 24 * 3600 * 1000, axisLine: { lineStyle: { color: look.line } }, axisTick: { show: false }, splitLine: { show: false },
        axisLabel: {
          color: look.quiet, hideOverlap: true,
          formatter: function (value) {
            var moment = new Date(value);
            if (moment.getDate() !== 1) return date(value, { day: "numeric", month: "short" });
            return moment.getMonth() === 0 ? String(moment.getFullYear()) : date(value, { month: "short" });
          }
        }
      },
      yAxis: units.map(function (unit, index) {
        return {
          type: "value", min: config.from_zero === false ? "dataMin" : 0, position: index ? "right" : "left",
          axisLabel: { color: look.quiet, formatter: function (value) { return onAxis(value, unit); } },
          splitNumber: 4, splitLine: { show: index === 0, lineStyle: { color: look.line } }
        };
      }),
      series: config.series.map(function (s, index) {
        var tint = s.colour === "ink" ? look.ink : s.colour || palette[index % palette.length];
        return {
          name: s.name, type: s.type === "bar" ? "bar" : "line", data: s.data, yAxisIndex: s.axis || 0,
          stack: config.stack ? "all" : undefined, smooth: false, symbol: "circle", symbolSize: 5,
          showSymbol: s.data.length < (config.stack ? 2 : 16), barMaxWidth: 22, z: s.type === "bar" ? 1 : 2,
          itemStyle: { color: tint, borderRadius: s.type === "bar" ? [3, 3, 0, 0] : 0, opacity: s.type !== "bar" ? 1 : config.stack ? 0.85 : 0.55 },
          lineStyle: { color: tint, width: config.stack ? 1 : 2.25 },
          areaStyle: config.stack ? { color: tint, opacity: 0.8 } : s.type === "area" ? { color: tint, opacity: 0.12 } : undefined,
          markLine: index === 0 && config.limits ? {
            silent: true, symbol: "none", lineStyle: { color: look.bad, type: "dashed" },
            label: { color: look.bad, position: "insideStartTop", formatter: function (mark) { return mark.name; } },
            data: config.limits.map(function (limit) { return { yAxis: limit.value, name: limit.name }; })
          } : undefined
        };
      })
    };
  }

  function sankeyOption(config, look, width) {
    var deepest = Math.max.apply(null, config.nodes.map(function (node) { return node.depth || 0; }));
    var narrow = width < 560;
    var middle = deepest > 1;
    // Names stand beside the picture, where nothing runs behind them; on a phone there is no room for that.
    var font = narrow ? 11 : 12.5;
    function longest(depth) {
      return Math.max.apply(null, config.nodes.map(function (node) {
        return (node.depth || 0) === depth ? measure(node.label, font, look) : 0;
      }));
    }
    var most = width * 0.24;
    var left = narrow ? 4 : Math.min(longest(0), most) + 14, right = narrow ? 4 : Math.min(longest(deepest), most) + 14;
    function place(node) {
      var depth = node.depth || 0;
      if (middle && depth > 0 && depth < deepest) return "top";
      return (depth === deepest) === narrow ? "left" : "right";
    }
    return {
      animation: false,
      textStyle: { fontFamily: look.font },
      tooltip: Object.assign(tooltip(look), {
        formatter: function (item) {
          return escape(item.dataType === "edge" ? item.data.text : item.data.text || item.data.label);
        }
      }),
      series: [{
        type: "sankey", left: left, right: right, top: middle ? 26 : 8, bottom: 8, nodeWidth: 12, nodeGap: narrow ? 12 : 16, draggable: false,
        layoutIterations: 0, nodeAlign: "justify", emphasis: { focus: "adjacency" },
        lineStyle: { color: "source", opacity: 0.32, curveness: 0.5 },
        data: config.nodes.map(function (node) {
          return {
            name: node.name, label: {
              show: true, position: place(node), color: look.ink, fontSize: font, distance: 6,
              width: narrow ? width * 0.42 : most, overflow: "truncate", textBorderWidth: 3, textBorderColor: look.surface,
              formatter: function () { return node.label; }
            },
            depth: node.depth, itemStyle: { color: node.colour, borderWidth: 0 }, url: node.url, text: node.text, cursor: node.url ? "pointer" : "default"
          };
        }),
        links: config.links
      }]
    };
  }

  // A whisker from low to high with caps at its ends, upright or lying.
  function whisker(from, to, tint, width, dashed) {
    var upright = from[0] === to[0], cap = 4;
    function line(a, b) {
      return {
        type: "line", shape: { x1: a[0], y1: a[1], x2: b[0], y2: b[1] },
        style: { stroke: tint, lineWidth: width, lineDash: dashed && a[0] !== b[0] ? [4, 3] : null }
      };
    }
    function across(p) {
      return upright ? line([p[0] - cap, p[1]], [p[0] + cap, p[1]]) : line([p[0], p[1] - cap], [p[0], p[1] + cap]);
    }
    return [line(from, to), across(from), across(to)];
  }

  // Shares by day since something: a value axis of days, and the interval of each line at its end.
  function daysOption(config, look, width) {
    var palette = [look.primary, look.quiet, look.second];
    var longest = Math.max.apply(null, config.series.map(function (s) { return s.data.length - 1; }));
    var lines = config.series.map(function (s, index) {
      return {
        name: s.name, type: "line", data: s.data, symbol: "circle", symbolSize: 4, showSymbol: s.data.length < 16,
        itemStyle: { color: palette[index] }, lineStyle: { color: palette[index], width: 2.25 },
        areaStyle: index ? undefined : { color: palette[index], opacity: 0.1 }
      };
    });
    var ends = config.series.filter(function (s) { return s.interval; }).map(function (s) {
      var tint = palette[config.series.indexOf(s)], shift = config.series.indexOf(s) * 7;
      return {
        type: "custom", silent: true, z: 3, data: [s.interval], tooltip: { show: false }, clip: false,
        renderItem: function (_params, api) {
          var low = api.coord([api.value(0), api.value(1)]), high = api.coord([api.value(0), api.value(2)]);
          return { type: "group", children: whisker([low[0] + shift, low[1]], [high[0] + shift, high[1]], tint, 1.5) };
        }
      };
    });
    return {
      animation: false, textStyle: { fontFamily: look.font },
      grid: { left: 8, right: 26, top: 22 + 22 * legendRows(config, look, width), bottom: 26, containLabel: true },
      legend: {
        data: config.series.map(function (s) { return s.name; }), top: 0, left: 4, icon: "circle", itemWidth: 10,
        itemHeight: 10, itemGap: 16, textStyle: { color: look.ink, fontSize: 12.5 }
      },
      tooltip: Object.assign(tooltip(look), {
        trigger: "axis", axisPointer: { type: "line", lineStyle: { color: look.quiet, type: "dashed" } },
        formatter: function (items) {
          var head = "<b>" + items[0].value[0] + "</b> " + escape(config.axis);
          return [head].concat(items.filter(function (item) { return item.seriesType === "line"; }).map(function (item) {
            return item.marker + escape(item.seriesName) + ": <b>" + written(item.value[1], "share") + "</b>";
          })).join("<br>");
        }
      }),
      xAxis: {
        type: "value", min: 0, max: longest, minInterval: 1, name: config.axis, nameLocation: "middle", nameGap: 24,
        nameTextStyle: { color: look.quiet }, axisLine: { lineStyle: { color: look.line } }, axisTick: { show: false },
        splitLine: { show: false }, axisLabel: { color: look.quiet, hideOverlap: true }
      },
      yAxis: {
        // The whiskers are part of the picture: what is uncertain must not be cut off.
        type: "value", min: 0, splitNumber: 4, splitLine: { lineStyle: { color: look.line } },
        max: function (range) {
          return Math.max.apply(null, [range.max].concat(config.series.map(function (s) { return s.interval ? s.interval[2] : 0; })));
        },
        axisLabel: { color: look.quiet, showMaxLabel: false, formatter: function (value) { return onAxis(value, "share"); } }
      },
      series: lines.concat(ends)
    };
  }

  // Differences with their intervals, one under the other, around the line of no effect.
  function forestOption(config, look, width) {
    var narrow = width < 620, font = narrow ? 11.5 : 12.5;
    var names = config.rows.map(function (row) { return row.name; });
    var longest = Math.max.apply(null, config.rows.map(function (row) { return measure(row.name, font, look) + 12; }));
    var left = Math.min(longest + 16, width * (narrow ? 0.36 : 0.3));
    var texts = narrow ? 12 : Math.max.apply(null, config.rows.map(function (row) { return measure(row.text, font, look); })) + 22;
    var most = Math.max.apply(null, config.rows.map(function (row) { return row.size || 0; }));
    function points(value) {
      var sign = value > 0 ? "+" : "";
      return sign + new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format(value * 100).replace("-", "\u2212");
    }
    function tint(row) { return !row.real ? look.quiet : row.value > 0 ? look.good : look.bad; }
    return {
      animation: false, textStyle: { fontFamily: look.font },
      grid: { left: left, right: texts, top: 26, bottom: 24, containLabel: false },
      tooltip: Object.assign(tooltip(look), {
        formatter: function (item) {
          var row = config.rows[item.dataIndex];
          return "<b>" + escape(row.name) + "</b><br>" + escape(row.text);
        }
      }),
      xAxis: {
        type: "value", scale: true, axisLabel: { color: look.quiet, hideOverlap: true, formatter: points },
        splitLine: { lineStyle: { color: look.line } }, splitNumber: narrow ? 3 : 6,
        min: function (range) { return Math.min(range.min, 0); }, max: function (range) { return Math.max(range.max, 0); }
      },
      yAxis: {
        type: "category", data: names.map(function (_name, index) { return index; }), inverse: true,
        axisLine: { show: false }, axisTick: { show: false },
        axisLabel: {
          interval: 0, margin: 10, fontSize: font, width: left - 16, overflow: "truncate",
          formatter: function (index) {
            var row = config.rows[index];
            return "{" + (row.kind === "campaign" || row.kind === "running" ? "one" : "many") + "|" + names[index] + "}";
          },
          rich: { one: { color: look.ink, fontSize: font }, many: { color: look.ink, fontSize: font, fontWeight: 700 } }
        }
      },
      series: [{
        type: "custom", clip: false, encode: { x: [1, 2, 3], y: 0 },
        data: config.rows.map(function (row, index) {
          return { value: [index, row.low, row.value, row.high], url: row.url, cursor: row.url ? "pointer" : "default" };
        }),
        renderItem: function (params, api) {
          var row = config.rows[params.dataIndexInside], at = api.value(0), colour_ = tint(row);
          var low = api.coord([api.value(1), at]), mid = api.coord([api.value(2), at]), high = api.coord([api.value(3), at]);
          var joint = row.kind === "month" || row.kind === "all";
          var size = joint ? 8 : 4 + 5 * Math.sqrt((row.size || 0) / (most || 1));
          var mark = joint
            ? { type: "polygon", shape: { points: [low, [mid[0], mid[1] - 7], high, [mid[0], mid[1] + 7]] }, style: { fill: colour_, opacity: 0.85 } }
            : { type: "rect", shape: { x: mid[0] - size, y: mid[1] - size, width: 2 * size, height: 2 * size }, style: { fill: row.kind === "running" ? look.surface : colour_, stroke: colour_, lineWidth: 1.5 } };
          var children = (joint ? [] : whisker(low, high, colour_, 2, row.kind === "running")).concat([mark]);
          if (!narrow) {
            children.push({
              type: "text", style: { text: row.text, x: width - texts + 12, y: mid[1], verticalAlign: "middle", fill: look.ink, font: (joint ? "700 " : "") + font + "px " + look.font }
            });
          }
          return { type: "group", children: children };
        },
        markLine: {
          silent: true, symbol: "none", data: [{ xAxis: 0 }], lineStyle: { color: look.ink, type: "solid", width: 1 },
          label: { formatter: config.zero, color: look.quiet, position: "start", distance: 6, fontSize: 11.5 }
        }
      }]
    };
  }

  // People as points: who stand close together are alike. A colour and a shape for every cluster; a click on the
  // legend takes one of them away, pointing at it makes the others pale.
  var SHAPES = ["circle", "triangle", "diamond", "rect", "roundRect", "pin", "arrow"];
  function scatterOption(config, look, width) {
    var narrow = width < 560, font = narrow ? 12 : 13;
    var most = narrow ? 110 : 190;
    var across = [].concat.apply([], config.series.map(function (s) { return s.points; })).map(function (p) { return p[0]; });
    var first = Math.min.apply(null, across), last = Math.max.apply(null, across);
    // A name near the edge grows inwards, so that the whole of it stays in the picture.
    function side(x) {
      var place = last > first ? (x - first) / (last - first) : 0.5;
      return place > 0.8 ? "left" : place < 0.2 ? "right" : "inside";
    }
    function shape(index) { return SHAPES[index % SHAPES.length]; }
    var clouds = config.series.map(function (s, index) {
      return {
        name: s.name, type: "scatter", data: s.points, symbol: shape(index), symbolSize: (s.points.length > 400 || narrow ? 5 : 7) + (index % 7 ? 1 : 0),
        itemStyle: { color: s.colour, opacity: 0.6 }, emphasis: { focus: "series", scale: 1.4 }, blur: { itemStyle: { opacity: 0.07 } },
        cursor: "default", z: 2, legendHoverLink: true
      };
    });
    // The name stands where most of the cluster is.
    var names = config.series.filter(function (s) { return s.centre; }).map(function (s) {
      return {
        name: s.name, type: "scatter", data: [s.centre], symbol: "circle", symbolSize: 1, silent: true, z: 5, itemStyle: { color: s.colour, opacity: 1 },
        tooltip: { show: false }, labelLayout: { moveOverlap: "shiftY" },
        label: {
          show: true, position: side(s.centre[0]), formatter: function () { return s.name; }, color: look.ink, fontSize: font, fontWeight: 600, padding: [3, 7],
          backgroundColor: look.surface, borderColor: s.colour, borderWidth: 1.5, borderRadius: 6, width: measure(s.name, font, look) * 1.15 > most ? most : undefined, overflow: "truncate"
        }
      };
    });
    return {
      animation: false, textStyle: { fontFamily: look.font },
      grid: { left: 10, right: 14, top: 22 + 22 * legendRows(config, look, width), bottom: config.axis ? 26 : 10, containLabel: false },
      legend: {
        data: config.series.map(function (s, index) { return { name: s.name, icon: shape(index) }; }), top: 0, left: 4, itemWidth: 11,
        itemHeight: 11, itemGap: 16, textStyle: { color: look.ink, fontSize: 12.5 }, inactiveColor: look.line,
        formatter: function (name) { return name.length > (narrow ? 36 : 64) ? name.slice(0, narrow ? 35 : 63) + "…" : name; }
      },
      tooltip: Object.assign(tooltip(look), {
        formatter: function (item) { return item.marker + "<b>" + escape(item.seriesName) + "</b><br>" + escape(config.series[item.seriesIndex].text || ""); }
      }),
      xAxis: {
        type: "value", scale: true, name: config.axis || "", nameLocation: "middle", nameGap: 10, nameTextStyle: { color: look.quiet },
        axisLabel: { show: false }, axisTick: { show: false }, axisLine: { show: true, onZero: false, lineStyle: { color: look.line } }, splitLine: { show: false }
      },
      yAxis: {
        type: "value", scale: true, axisLabel: { show: false }, axisTick: { show: false },
        axisLine: { show: true, onZero: false, lineStyle: { color: look.line } }, splitLine: { show: false }
      },
      series: clouds.concat(names)
    };
  }

  // A figure as its unit wants it; one digit where whole numbers would hide the difference.
  function figure(value, unit) {
    if (unit !== "decimal" || value === null || value === undefined) return written(value, unit);
    return new Intl.NumberFormat(language, { maximumFractionDigits: Math.abs(value) < 1 ? 2 : 1 }).format(value).replace(/,(?=\d{3}\b)/g, "\u202f");
  }
  function legendOf(config, look) {
    return {
      show: config.series.length > 1, data: config.series.map(function (s) { return s.name; }), top: 0, left: 4, icon: "circle",
      itemWidth: 10, itemHeight: 10, itemGap: 16, textStyle: { color: look.ink, fontSize: 12.5 }
    };
  }
  function topOf(config, look, width) { return config.series.length > 1 ? 22 + 22 * legendRows(config, look, width) : 16; }

  // Columns side by side by name; a whisker on those that have an interval.
  function columnsOption(config, look, width) {
    var palette = [look.quiet, look.primary, look.second], whiskers = [];
    config.series.forEach(function (s, index) {
      if (!s.interval) return;
      whiskers.push({
        type: "custom", silent: true, z: 4, tooltip: { show: false },
        data: s.interval.map(function (pair, at) { return pair ? [at, pair[0], pair[1]] : [at, null, null]; }),
        renderItem: function (_params, api) {
          if (isNaN(api.value(1))) return null;
          var low = api.coord([api.value(0), api.value(1)]), high = api.coord([api.value(0), api.value(2)]);
          var band = api.size([1, 0])[0], shift = (index - (config.series.length - 1) / 2) * band * 0.36;
          return { type: "group", children: whisker([low[0] + shift, low[1]], [high[0] + shift, high[1]], look.ink, 1.25) };
        }
      });
    });
    return {
      animation: false, textStyle: { fontFamily: look.font },
      grid: { left: 8, right: 12, top: topOf(config, look, width), bottom: config.axis ? 26 : 8, containLabel: true },
      legend: legendOf(config, look),
      tooltip: Object.assign(tooltip(look), {
        trigger: "axis", axisPointer: { type: "shadow" },
        formatter: function (items) {
          var bars = items.filter(function (item) { return item.seriesType === "bar"; });
          if (!bars.length) return "";
          return ["<b>" + escape(config.names[bars[0].dataIndex]) + "</b>"].concat(bars.map(function (item) {
            var s = config.series[item.seriesIndex], pair = s.interval && s.interval[item.dataIndex];
            return item.marker + escape(s.name) + ": <b>" + figure(item.value, s.unit) + "</b>" +
              (pair ? " (" + figure(pair[0], s.unit) + "–" + figure(pair[1], s.unit) + ")" : "");
          })).join("<br>");
        }
      }),
      xAxis: {
        type: "category", data: config.names, name: config.axis || "", nameLocation: "middle", nameGap: 26,
        nameTextStyle: { color: look.quiet }, axisLine: { lineStyle: { color: look.line } }, axisTick: { show: false },
        axisLabel: { color: look.quiet, interval: 0, hideOverlap: true }
      },
      yAxis: {
        type: "value", splitNumber: 4, splitLine: { lineStyle: { color: look.line } },
        axisLabel: { color: look.quiet, formatter: function (value) { return onAxis(value, config.series[0].unit); } }
      },
      series: config.series.map(function (s, index) {
        return {
          name: s.name, type: "bar", data: s.data, barGap: "8%", barWidth: config.series.length > 1 ? "33%" : "60%",
          itemStyle: { color: palette[config.series.length > 1 ? index % palette.length : 1], borderRadius: [3, 3, 0, 0] }
        };
      }).concat(whiskers)
    };
  }

  // Estimates with their intervals, one under the other, beside a border that means something.
  function rangesOption(config, look, width) {
    var narrow = width < 460, font = narrow ? 11.5 : 12.5;
    var longest = Math.max.apply(null, config.rows.map(function (row) { return measure(row.name, font, look) + 12; }));
    var left = Math.min(longest + 16, width * (narrow ? 0.36 : 0.32));
    var texts = narrow ? 14 : Math.max.apply(null, config.rows.map(function (row) { return measure(row.short, font, look); })) + 24;
    var least = Math.min.apply(null, config.rows.map(function (row) { return row.low; }).concat([config.border.value]));
    var most = Math.max.apply(null, config.rows.map(function (row) { return row.high; }).concat([config.border.value]));
    function tint(row) { return row.tone === "bad" ? look.bad : row.tone === "quiet" ? look.quiet : look.primary; }
    return {
      animation: false, textStyle: { fontFamily: look.font },
      grid: { left: left, right: texts, top: 26, bottom: 24, containLabel: false },
      tooltip: Object.assign(tooltip(look), {
        formatter: function (item) {
          var row = config.rows[item.dataIndex];
          return "<b>" + escape(row.name) + "</b><br>" + escape(row.text);
        }
      }),
      xAxis: {
        type: config.log ? "log" : "value", min: config.log ? Math.min(least, 1) * 0.8 : 0, max: config.log ? most * 1.15 : undefined,
        splitLine: { lineStyle: { color: look.line } }, splitNumber: narrow ? 3 : 5, axisLine: { show: false },
        axisLabel: {
          color: look.quiet, hideOverlap: true, showMinLabel: !config.log, showMaxLabel: !config.log,
          formatter: function (value) { return onAxis(value, config.unit); }
        }
      },
      yAxis: {
        type: "category", data: config.rows.map(function (_row, index) { return index; }), inverse: true,
        axisLine: { show: false }, axisTick: { show: false },
        axisLabel: {
          interval: 0, margin: 10, fontSize: font, color: look.ink, width: left - 16, overflow: "truncate",
          formatter: function (index) { return config.rows[index].name; }
        }
      },
      series: [{
        type: "custom", clip: false, encode: { x: [1, 2, 3], y: 0 },
        data: config.rows.map(function (row, index) { return [index, row.low, row.value, row.high]; }),
        renderItem: function (params, api) {
          var row = config.rows[params.dataIndexInside], at = api.value(0), shade = tint(row);
          var low = api.coord([api.value(1), at]), mid = api.coord([api.value(2), at]), high = api.coord([api.value(3), at]);
          var children = whisker(low, high, shade, 2).concat([{ type: "circle", shape: { cx: mid[0], cy: mid[1], r: 5 }, style: { fill: shade } }]);
          if (!narrow) {
            children.push({
              type: "text", style: { text: row.short, x: width - texts + 12, y: mid[1], verticalAlign: "middle", fill: row.tone === "bad" ? look.bad : look.ink, font: font + "px " + look.font }
            });
          }
          return { type: "group", children: children };
        },
        markLine: {
          silent: true, symbol: "none", data: [{ xAxis: config.border.value }], lineStyle: { color: look.ink, type: "dashed", width: 1 },
          label: { formatter: config.border.name, color: look.quiet, position: "start", distance: 6, fontSize: 11.5 }
        }
      }]
    };
  }

  // Lines over a number that is no date: months since the first visit, weeks since a forecast.
  var HUES = ["#4c6ef5", "#0c8599", "#e8590c", "#ae3ec9", "#2b8a3e", "#9c6d00", "#5c7080", "#1098ad", "#7048e8", "#c2255c"];
  function linesOption(config, look, width) {
    var few = config.series.length <= 2, palette = few ? [look.quiet, look.primary] : HUES;
    return {
      animation: false, textStyle: { fontFamily: look.font },
      grid: { left: 8, right: 20, top: topOf(config, look, width), bottom: 26, containLabel: true },
      legend: legendOf(config, look),
      tooltip: Object.assign(tooltip(look), {
        trigger: "axis", axisPointer: { type: "line", lineStyle: { color: look.quiet, type: "dashed" } },
        formatter: function (items) {
          return ["<b>" + items[0].value[0] + "</b> " + escape(config.axis)].concat(items.map(function (item) {
            return item.marker + escape(item.seriesName) + ": <b>" + written(item.value[1], config.unit) + "</b>";
          })).join("<br>");
        }
      }),
      xAxis: {
        type: "value", min: 0, max: "dataMax", minInterval: 1, name: config.axis, nameLocation: "middle", nameGap: 24,
        nameTextStyle: { color: look.quiet }, axisLine: { lineStyle: { color: look.line } }, axisTick: { show: false },
        splitLine: { show: false }, axisLabel: { color: look.quiet, hideOverlap: true }
      },
      yAxis: {
        type: "value", splitNumber: 4, splitLine: { lineStyle: { color: look.line } },
        axisLabel: { color: look.quiet, formatter: function (value) { return onAxis(value, config.unit); } }
      },
      series: config.series.map(function (s, index) {
        var shade = s.tone === "bad" ? look.bad : palette[index % palette.length];
        return {
          name: s.name, type: "line", data: s.data, symbol: "circle", symbolSize: 4, showSymbol: false, z: s.tone === "bad" ? 4 : 2,
          itemStyle: { color: shade }, lineStyle: { color: shade, width: s.tone === "bad" ? 3 : 2, type: s.dashed ? "dashed" : "solid" }
        };
      })
    };
  }

  // A share that grows with the days, within the band in which the truth lies; upright marks say what days mean.
  function curveOption(config, look) {
    function side(index) { return config.points.map(function (p) { return [p[0], p[index]]; }); }
    var plain = { type: "line", symbol: "none", silent: true, lineStyle: { opacity: 0 } };
    return {
      animation: false, textStyle: { fontFamily: look.font },
      grid: { left: 8, right: 26, top: config.marks.length > 1 ? 46 : 30, bottom: 26, containLabel: true },
      tooltip: Object.assign(tooltip(look), {
        trigger: "axis", axisPointer: { type: "line", lineStyle: { color: look.quiet, type: "dashed" } },
        formatter: function (items) {
          var point = config.points[items[0].dataIndex];
          return "<b>" + written(point[0]) + "</b> " + escape(config.axis) + "<br>" + escape(config.name) + ": <b>" +
            written(point[1], "share") + "</b><br>" + escape(config.band) + ": " + written(point[2], "share") + " – " + written(point[3], "share");
        }
      }),
      xAxis: {
        type: "value", min: 0, max: config.until, name: config.axis, nameLocation: "middle",
        nameGap: 24, nameTextStyle: { color: look.quiet }, axisLine: { lineStyle: { color: look.line } },
        axisTick: { show: false }, splitLine: { show: false },
        axisLabel: { color: look.quiet, hideOverlap: true, showMaxLabel: false, formatter: function (value) { return written(value); } }
      },
      yAxis: {
        type: "value", min: 0, max: 1, interval: 0.25, splitLine: { lineStyle: { color: look.line } },
        axisLabel: { color: look.quiet, formatter: function (value) { return onAxis(value, "share"); } }
      },
      series: [
        {
          name: config.name, type: "line", step: "end", symbol: "none", data: side(1), z: 3,
          itemStyle: { color: look.primary }, lineStyle: { color: look.primary, width: 2.25 },
          markLine: {
            symbol: "none", silent: true, data: config.marks.map(function (mark, index) {
              // Above the picture, a line of text for each name, and never over the edge: names of marks close to each
              // other or to an end lie neither on each other nor on the curve.
              var tint = mark.second ? look.second : look.ink, at = mark.value / config.until;
              return {
                xAxis: mark.value, name: mark.name, lineStyle: { color: tint, type: mark.second ? "dashed" : "solid", width: 1.25 },
                label: { color: tint, formatter: mark.name, position: "end", distance: index ? 21 : 5, align: at < 0.2 ? "left" : at > 0.8 ? "right" : "center", fontSize: 12 }
              };
            })
          }
        },
        Object.assign({ name: "low", step: "end", stack: "band", data: side(2) }, plain),
        Object.assign({
          name: "high", step: "end", stack: "band", areaStyle: { color: look.primary, opacity: 0.16 },
          data: config.points.map(function (p) { return [p[0], p[3] - p[2]]; })
        }, plain)
      ]
    };
  }

  var kinds = { curve: curveOption, time: timeOption, sankey: sankeyOption, days: daysOption, forest: forestOption, scatter: scatterOption,
    columns: columnsOption, ranges: rangesOption, lines: linesOption };

  // --- Drawing ------------------------------------------------------------------------------------------------
  function draw(element) {
    var source = document.getElementById(element.dataset.chart);
    if (!source || !window.echarts || element.clientWidth === 0) return;
    var config = JSON.parse(source.textContent);
    var picture = echarts.getInstanceByDom(element);
    if (!picture) {
      // Thousands of points are too many elements for a page.
      picture = echarts.init(element, null, { renderer: config.kind === "scatter" ? "canvas" : "svg" });
      picture.on("click", function (item) {
        if (item.data && item.data.url) window.location.assign(item.data.url);
      });
      drawn.push(element);
    }
    picture.setOption(kinds[config.kind](config, theme(), element.clientWidth), true);
    element.dataset.drawn = "yes";
  }
  function drawAll(scope) {
    scope.querySelectorAll("[data-chart]").forEach(draw);
  }
  drawAll(document);
  document.addEventListener("themechange", function () { drawAll(document); });
  document.addEventListener("chartshown", function () { drawAll(document); });
  document.addEventListener("htmx:load", function (event) { drawAll(event.detail.elt); });
  var waiting;
  window.addEventListener("resize", function () {
    clearTimeout(waiting);
    waiting = setTimeout(function () {
      drawn = drawn.filter(function (element) { return element.isConnected; });
      drawn.forEach(function (element) {
        if (element.clientWidth === 0) return;
        echarts.getInstanceByDom(element).resize();
        draw(element);
      });
    }, 120);
  });
})();
