// Improves the pages; everything works without it. No inline script anywhere: the pages say what they want with data- attributes.
"use strict";

// Buttons of the toolbar put marks around what is selected.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-mark]");
  if (!button) return;
  const field = document.getElementById(button.dataset.for);
  const { selectionStart: start, selectionEnd: end, value } = field;
  const chosen = value.slice(start, end) || button.dataset.sample;
  const made = {
    bold: `**${chosen}**`,
    italic: `*${chosen}*`,
    link: `[${chosen}](https://)`,
    list: chosen.split("\n").map((line) => `- ${line.replace(/^- /, "")}`).join("\n"),
  }[button.dataset.mark];
  field.setRangeText(made, start, end, "end");
  field.focus();
  field.dispatchEvent(new Event("input", { bubbles: true }));
});
document.querySelectorAll(".toolbar[hidden]").forEach((bar) => { bar.hidden = false; });

// A page with unsaved text asks before it is left.
let isChanged = false;
document.addEventListener("input", (event) => { if (event.target.closest("form[data-guard]")) isChanged = true; });
document.addEventListener("submit", () => { isChanged = false; });
window.addEventListener("beforeunload", (event) => { if (isChanged) event.preventDefault(); });
