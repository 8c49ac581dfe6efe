"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const one = (selector, from = document) => from.querySelector(selector);
  root.classList.add("js-on");
  all(".js").forEach((element) => { element.hidden = false; });

  // Theme: as the system has it, or as chosen; remembered where the browser lets a page remember.
  const themes = ["auto", "light", "dark"];
  const store = {
    get() { try { return localStorage.getItem("pgadvisor-theme"); } catch { return null; } },
    set(value) { try { localStorage.setItem("pgadvisor-theme", value); } catch { /* not remembered */ } },
  };
  const setTheme = (theme) => {
    if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
    one("#theme").textContent = "Theme: " + theme;
  };
  let theme = themes.includes(store.get()) ? store.get() : "auto";
  setTheme(theme);
  one("#theme").addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    store.set(theme);
    setTheme(theme);
  });

  // Everything is on paper: details open before printing, and close again after.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("details:not([open])");
    opened.forEach((element) => { element.open = true; });
  });
  addEventListener("afterprint", () => { opened.forEach((element) => { element.open = false; }); });
  one("#print").addEventListener("click", () => print());

  const download = one("#download");
  if (download) download.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([one("#report-data").textContent], { type: "application/json" }));
    link.download = "pgadvisor-" + download.dataset.name.replace(/[^\w.-]+/g, "_").slice(0, 80) + ".json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });

  // Copy, with selection for browsers that keep the clipboard from a local file.
  all(".sql").forEach((box) => {
    const code = one("code", box);
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    const say = (text) => {
      button.textContent = text;
      setTimeout(() => { button.textContent = "Copy"; }, 1600);
    };
    const select = () => {
      const range = document.createRange();
      range.selectNodeContents(code);
      const selection = getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      say(document.execCommand && document.execCommand("copy") ? "Copied" : "Selected");
    };
    button.addEventListener("click", () => {
      if (navigator.clipboard && isSecureContext) {
        navigator.clipboard.writeText(code.textContent).then(() => say("Copied"), select);
      } else select();
    });
    box.append(button);
  });

  // Tables sort by the number in data-v, else by text; unknown goes last.
  all("table.sortable").forEach((table) => {
    const heads = all("thead th", table);
    const body = one("tbody", table);
    const value = (row, column) => {
      const cell = row.cells[column];
      if ("v" in cell.dataset) return Number(cell.dataset.v);
      return cell.classList.contains("num") ? null : cell.textContent.trim();
    };
    const compare = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b));
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const numeric = head.classList.contains("num") || column === 0 && one("[data-v]", body.rows[0].cells[0]);
        const was = head.getAttribute("aria-sort");
        const descending = was ? was === "ascending" : Boolean(numeric);
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", descending ? "descending" : "ascending");
        const known = [];
        const unknown = [];
        for (const row of body.rows) (value(row, column) === null ? unknown : known).push(row);
        known.sort((a, b) => compare(value(a, column), value(b, column)) * (descending ? -1 : 1));
        body.append(...known, ...unknown);
      });
    });
  });

  // Filter of findings, kept in the address: #?severity=critical,warning&rule=...&text=...
  const form = one(".filter");
  const show = (name) => {
    const target = name && document.getElementById(name);
    if (!target) return;
    for (let element = target; element; element = element.parentElement) {
      if (element.tagName === "DETAILS") element.open = true;
      if (element.classList.contains("finding")) element.hidden = false;
    }
    target.scrollIntoView();
  };
  if (form) {
    const boxes = all("[name=severity]", form);
    const findings = all(".finding").map((element) => [element, element.textContent.toLowerCase()]);
    const apply = () => {
      const severities = boxes.filter((box) => box.checked).map((box) => box.value);
      const rule = form.elements.rule.value;
      const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const [element, text] of findings) {
        const fits = severities.includes(element.dataset.severity)
          && (!rule || element.dataset.rule === rule) && words.every((word) => text.includes(word));
        element.hidden = !fits;
        shown += fits;
      }
      one("output", form).textContent = shown === findings.length ? "" : shown + " of " + findings.length + " shown";
      return { severities, rule, words };
    };
    const remember = () => {
      const { severities, rule, words } = apply();
      const query = new URLSearchParams();
      if (severities.length < boxes.length) query.set("severity", severities.join(","));
      if (rule) query.set("rule", rule);
      if (words.length) query.set("text", words.join(" "));
      const text = query.toString();
      try { history.replaceState(null, "", text ? "#?" + text : "#findings"); } catch { /* not remembered */ }
    };
    if (location.hash.startsWith("#?")) {
      const query = new URLSearchParams(location.hash.slice(2));
      if (query.has("severity")) {
        const wanted = query.get("severity").split(",");
        boxes.forEach((box) => { box.checked = wanted.includes(box.value); });
      }
      form.elements.rule.value = query.get("rule") || "";
      form.elements.text.value = query.get("text") || "";
    }
    apply();
    form.addEventListener("input", remember);
    form.addEventListener("submit", (event) => event.preventDefault());
  }
  const follow = () => {
    if (!location.hash.startsWith("#?")) show(decodeURIComponent(location.hash.slice(1)));
  };
  addEventListener("hashchange", follow);
  follow();
})();
