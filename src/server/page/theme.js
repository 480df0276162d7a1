// Not a module: it runs before anything is drawn, so that no page begins in the other colours.
{
  const KEY = "contrail-theme";
  const root = document.documentElement;
  const select = document.createElement("select");
  const show = (theme) => {
    root.dataset.theme = theme ?? "system";
    select.value = root.dataset.theme;
  };
  select.id = "theme";
  select.ariaLabel = "Theme";
  for (const name of ["System", "Light", "Dark"]) select.add(new Option(name, name.toLowerCase()));
  select.onchange = () => {
    localStorage.setItem(KEY, select.value);
    show(select.value);
  };
  show(localStorage.getItem(KEY));
  // Another tab has chosen.
  addEventListener("storage", ({ key, newValue }) => {
    if (key === KEY) show(newValue);
  });
  addEventListener("DOMContentLoaded", () => {
    const label = document.createElement("label");
    const name = document.createElement("span");
    label.className = "theme";
    name.textContent = "Theme";
    label.append(name, select);
    document.querySelector("header").append(label);
  });
}
