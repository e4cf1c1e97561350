"use strict";
(() => {
  // A chart neither fetches anything nor leads anywhere, even if a field of a log became its link.
  const refuse = () => Promise.reject(new Error("this page stays where it is"));

  const options = (narrow) => ({
    actions: false,
    ast: true, // Vega's own interpreter: the policy of this page allows no code made of text
    defaultStyle: false,
    loader: { load: refuse, sanitize: refuse, http: refuse, file: refuse },
    mode: "vega-lite",
    renderer: "svg",
    config: {
      background: "transparent",
      font: getComputedStyle(document.body).fontFamily, // the font Vega measures with is the font it is drawn with
      view: { stroke: null },
      axis: { labelFontSize: 11, titleFontSize: 11 },
      axisY: narrow ? { labelLimit: 96 } : {},
      legend: { labelFontSize: 11, ...(narrow && { orient: "top", columns: 1 }) },
    },
  });

  const specOf = (plot) => JSON.parse(document.getElementById(plot.dataset.spec).textContent);

  // Vega-Lite knows "as wide as its container" for single charts only; this gives every part of a composed one its share.
  function fit(spec, width, narrow) {
    if (spec.vconcat) spec.vconcat.forEach((part) => fit(part, width, narrow));
    else if (spec.hconcat && narrow) {
      spec.vconcat = spec.hconcat;
      delete spec.hconcat;
      fit(spec, width, narrow);
    } else if (spec.hconcat) spec.hconcat.forEach((part) => fit(part, width / spec.hconcat.length, narrow));
    else if (spec.spec) fit(spec.spec, width, narrow);
    else spec.width = width;
    return spec;
  }

  async function attempt(plot, width) {
    const narrow = plot.clientWidth < 560;
    if (plot.drawn) plot.drawn.finalize();
    plot.drawn = await vegaEmbed(plot, fit(specOf(plot), width, narrow), options(narrow));
    return plot.querySelector("svg").getBoundingClientRect().width - plot.clientWidth;
  }

  // What axes and legends need beside the marks is only known once drawn: draw, measure, draw again to fit.
  async function draw(plot) {
    const words = plot.words ?? (plot.words = [...plot.childNodes]);
    plot.width = plot.clientWidth;
    try {
      let width = plot.clientWidth - (specOf(plot).autosize ? 0 : 80);
      for (let round = 0; round < 2; round += 1) {
        const over = await attempt(plot, width);
        if (Math.abs(over) < 2) break;
        width = Math.max(width - over, 120);
      }
      plot.dataset.drawn = "yes";
    } catch (problem) {
      plot.dataset.drawn = "no";
      plot.replaceChildren(...words);
      plot.closest("figure").querySelector("details")?.setAttribute("open", "");
    }
  }

  const plots = [...document.querySelectorAll(".plot")];

  async function drawAll() {
    for (const plot of plots) if (plot.width !== plot.clientWidth) await draw(plot);
    document.documentElement.dataset.charts = "drawn";
  }

  // On a phone, a table that is wider than its place becomes a list: a block a row, each value behind its column's name.
  const MOST_BLOCKS = 60;

  function label(table) {
    const names = [...table.querySelectorAll("thead th")].map((head) => head.textContent);
    const rows = [...table.tBodies].flatMap((body) => [...body.rows]);
    rows.forEach((row) => [...row.cells].forEach((cell, place) => (cell.dataset.column = names[place] ?? "")));
    return names.length > 0 && rows.length <= MOST_BLOCKS;
  }

  // One that scrolls sideways instead says so; what is folded away is looked at when it opens.
  function settle(box) {
    box.classList.remove("stacked");
    const wide = () => box.scrollWidth > box.clientWidth + 1;
    if (box.clientWidth < 560 && wide() && label(box.querySelector("table"))) box.classList.add("stacked");
    const words = box.previousElementSibling;
    if (words?.className === "sideways") words.hidden = !wide();
    else if (wide()) {
      const said = document.createElement("p");
      said.className = "sideways";
      said.textContent = "This table is wider than the page: it scrolls sideways.";
      box.before(said);
    }
  }

  const hints = () => document.querySelectorAll(".scroll").forEach(settle);
  addEventListener("toggle", hints, true);

  let waiting;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      hints();
      drawAll();
    }, 150);
  });
  hints();
  drawAll();
})();
