// The light/dark switch. Without this script its form posts and the server sets the same cookie.
"use strict";

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-theme-switch]");
  if (!form) return;
  event.preventDefault();
  const root = document.documentElement;
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `theme=${root.dataset.theme}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
});
