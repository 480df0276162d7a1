// Not a module: it runs before anything is drawn, so that no page begins in the other colours.
{
  const KEY = "contrail-theme";
  const root = document.documentElement;
  const show = (theme) => root.dataset.theme = theme ?? "system";
  show(localStorage.getItem(KEY));
  addEventListener("storage", ({ key, newValue }) => {
    if (key !== KEY) return;
    show(newValue);
    document.getElementById("theme").value = root.dataset.theme;
  });
  addEventListener("DOMContentLoaded", () => {
    const choice = document.getElementById("theme");
    choice.value = root.dataset.theme;
    choice.onchange = () => {
      localStorage.setItem(KEY, choice.value);
      show(choice.value);
    };
  });
}
