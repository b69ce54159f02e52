// Before anything is drawn: the theme that was chosen here; none: the system's.
"use strict";
try {
    const chosen = localStorage.getItem("theme");
    if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
} catch {
    // Nothing may be stored here: the system's.
}
