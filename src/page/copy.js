
for (const button of document.querySelectorAll("button.copy")) {
  const code = button.parentElement.querySelector("code");
  const status = button.parentElement.querySelector("[role=status]");
  const label = button.textContent;
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", () => navigator.clipboard.writeText(code.textContent).then(() => {
    button.textContent = status.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = label; status.textContent = ""; }, 2500);
  }, () => getSelection().selectAllChildren(code)));
}
