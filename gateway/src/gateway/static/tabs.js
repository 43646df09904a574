// Tabs as the ARIA Authoring Practices have them: one stop for Tab, arrows choose among them.

const STEPS = { ArrowRight: 1, ArrowLeft: -1 };

/** Make tabs of the buttons in a tablist; return the function that selects one of them. */
export function makeTabs(list, onSelect) {
  const tabs = [...list.querySelectorAll('[role="tab"]')];
  const select = (selected) => {
    for (const tab of tabs) {
      tab.setAttribute("aria-selected", String(tab === selected));
      tab.tabIndex = tab === selected ? 0 : -1;
    }
    document.getElementById(selected.getAttribute("aria-controls")).setAttribute("aria-labelledby", selected.id);
    onSelect(selected);
  };
  list.addEventListener("click", (event) => {
    const tab = event.target.closest('[role="tab"]');
    if (tab) select(tab);
  });
  list.addEventListener("keydown", (event) => moveByKey(event, tabs, select));
  return select;
}

/** Move to the item that a key leads to, past the ends to the other one. */
export function moveByKey(event, items, select, steps = STEPS) {
  const here = items.indexOf(document.activeElement);
  let next = { Home: 0, End: items.length - 1 }[event.key];
  if (steps[event.key]) next = (here + steps[event.key] + items.length) % items.length;
  if (here < 0 || next === undefined) return;
  event.preventDefault();
  items[next].focus();
  select(items[next]);
}
