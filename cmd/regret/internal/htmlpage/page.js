"use strict";
(() => {
  const id = (name) => document.getElementById(name);
  const form = id("filters"), find = id("find"), rule = id("rule"), found = id("found");
  const boxes = [...form.querySelectorAll("input[name=verdict]")];
  const sections = [...document.querySelectorAll("section.list")];
  const rows = sections.flatMap((section) => [...section.querySelectorAll(":scope > ul > li")].map((item) => ({
    item, section, details: item.firstElementChild, verdict: item.dataset.verdict, rules: (item.dataset.rules || "").split(" "),
  })));
  const highlights = window.Highlight && CSS.highlights;

  // The text of a row is what it shows, in lower case, each part and fact a line. Reading it takes a
  // while where there are many rows, so that is done when somebody searches.
  const textOf = (row) => {
    if (row.text === undefined) {
      const head = row.details.firstElementChild;
      const lines = [...row.details.querySelectorAll(".cells, dd")].filter((line) => line !== head);
      row.head = words(head);
      row.text = [row.head, ...lines.map(words)].join("\n");
    }
    return row.text;
  };
  const words = (element) => [...element.childNodes].map((node) => node.textContent).filter(Boolean).join(" ").toLowerCase();

  const apply = () => {
    const query = find.value.trim().toLowerCase();
    const verdicts = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const shown = new Map(sections.map((section) => [section, 0]));
    for (const row of rows) {
      const matches = verdicts.has(row.verdict) && (!rule.value || row.rules.includes(rule.value)) && (!query || textOf(row).includes(query));
      if (row.item.hidden === matches) row.item.hidden = !matches;
      if (matches) shown.set(row.section, shown.get(row.section) + 1);
      const inside = matches && query !== "" && !row.head.includes(query); // what was found is folded away
      if (inside && !row.details.open) row.details.open = row.opened = true;
      if (!inside && row.opened) row.details.open = row.opened = false;
    }
    let total = 0;
    for (const [section, count] of shown) {
      section.hidden = count === 0;
      total += count;
    }
    const all = query === "" && rule.value === "" && verdicts.size === boxes.length;
    found.value = all ? "" : `${total.toLocaleString("en")} of ${rows.length.toLocaleString("en")}`;
    id("nothing").hidden = all || total > 0;
    if (all) for (const section of sections) section.hidden = false;
    highlight(query);
  };

  // highlight marks what was found in the first rows.
  const highlight = (query) => {
    if (!highlights) return;
    const ranges = [];
    for (const row of query ? rows.filter((row) => !row.item.hidden).slice(0, 500) : []) {
      const walker = document.createTreeWalker(row.item, NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) {
        const text = walker.currentNode.data.toLowerCase();
        for (let at = text.indexOf(query); at >= 0 && at + query.length <= walker.currentNode.length; at = text.indexOf(query, at + query.length)) {
          const range = new Range();
          range.setStart(walker.currentNode, at);
          range.setEnd(walker.currentNode, at + query.length);
          ranges.push(range);
        }
      }
    }
    highlights.set("found", new Highlight(...ranges));
  };

  const fold = (open) => {
    for (const row of rows) {
      if (!row.item.hidden) row.details.open = open;
      row.opened = false;
    }
  };

  let timer;
  find.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(apply, 120);
  });
  form.addEventListener("change", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  id("open").addEventListener("click", () => fold(true));
  id("close").addEventListener("click", () => fold(false));
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !event.target.matches("input, select")) {
      event.preventDefault();
      find.focus();
    }
  });
  form.hidden = false;
  apply(); // a browser may have remembered what was in the form
})();
