// What is looked at, as the fragment of the address: so a link keeps it.

const fallback = {q: "", span: 600, metric: ""};

export function readView() {
    const p = new URLSearchParams(location.hash.slice(1));
    const span = Number(p.get("span"));
    return {q: p.get("q") ?? fallback.q, span: [60, 300, 600].includes(span) ? span : fallback.span, metric: p.get("metric") ?? fallback.metric};
}

function fragment(view) {
    const p = new URLSearchParams();
    for (const key of Object.keys(fallback)) if (view[key] !== fallback[key]) p.set(key, view[key]);
    return "#" + p;
}

// `step`: the browser's Back leads to the view before.
export function writeView(view, step) {
    const to = fragment(view);
    if (to === (location.hash || "#")) return;
    history[step ? "pushState" : "replaceState"](null, "", to);
}

export function linkTo(view) {
    return fragment(view);
}
