// Asks before something that cannot be undone.
import { el } from "./element";

/** Whether the person agrees. The safe answer has the focus; Escape means no. */
export function confirm(question: string, text: string, yes: string, no: string): Promise<boolean> {
  const refuse = el("button", { value: "no", class: "button button-quiet", autofocus: true }, no);
  const agree = el("button", { value: "yes", class: "button button-danger" }, yes);
  const form = el(
    "form",
    { method: "dialog" },
    el("h2", { id: "confirm-title" }, question),
    el("p", { id: "confirm-text" }, text),
    el("div", { class: "dialog-actions" }, refuse, agree),
  );
  const labels = { "aria-labelledby": "confirm-title", "aria-describedby": "confirm-text" };
  const dialog = el("dialog", { class: "dialog", ...labels }, form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}
