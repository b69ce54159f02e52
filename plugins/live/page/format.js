// Numbers and units as people read them.

const SI = [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];
const BINARY = [[2 ** 50, "Pi"], [2 ** 40, "Ti"], [2 ** 30, "Gi"], [2 ** 20, "Mi"], [2 ** 10, "Ki"]];

function digits(x) {
    const a = Math.abs(x);
    if (a === 0 || Number.isInteger(x) && a < 1e5) return String(x);
    if (a >= 100) return x.toFixed(0);
    if (a >= 10) return x.toFixed(1);
    if (a >= 0.01) return x.toFixed(2);
    return x.toPrecision(2);
}

// Metrics 2.0 says so of what has none.
export function known(unit) {
    return unit === "unknown" ? "" : unit;
}

export function isBytes(unit) {
    return unit === "B" || unit === "B/s";
}

function scaled(x, unit) {
    const a = Math.abs(x);
    if (unit === "s" && a > 0) {
        if (a < 1e-3) return [x * 1e6, "µs"];
        if (a < 1) return [x * 1e3, "ms"];
        if (a >= 172800) return [x / 86400, "d"];
        if (a >= 7200) return [x / 3600, "h"];
        return [x, "s"];
    }
    for (const [size, prefix] of isBytes(unit) ? BINARY : SI)
        if (a >= size && (isBytes(unit) || a >= 1e4)) return [x / size, prefix + unit];
    return [x, unit];
}

// "1.25 GiB", "312 ms", "13.4"
export function quantity(x, unit) {
    if (x === null || x === undefined || !Number.isFinite(x)) return "–";
    const [value, name] = scaled(x, known(unit));
    return name ? `${digits(value)}\u202f${name}` : digits(value);
}

// The labels of an axis: one scale for all of them, and as many digits as tell them apart.
export function axisLabels(values, unit) {
    const most = Math.max(...values.map(Math.abs));
    unit = known(unit);
    const [value, name] = scaled(most, unit);
    const factor = most ? value / most : 1, step = values.length > 1 ? Math.abs(values[1] - values[0]) * factor : 1;
    let places = step > 0 ? Math.min(6, Math.max(0, -Math.floor(Math.log10(step) + 1e-9))) : 0;
    while (places < 3 && Math.abs(step * 10 ** places - Math.round(step * 10 ** places)) > 0.01) places++; // 0.125
    const short = unit === "s" ? " " + name : isBytes(unit) ? " " + name.replace("/s", "") : name === unit ? "" : name.slice(0, name.length - unit.length);
    return values.map(v => v === 0 ? "0" : (v * factor).toFixed(places) + short);
}

export function count(n) {
    return n.toLocaleString("en");
}

// In the order of people: disk2 before disk10.
export const inOrder = new Intl.Collator("en", {numeric: true}).compare;
