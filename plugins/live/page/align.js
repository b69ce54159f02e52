// The points of several series as uPlot takes them: one list of times, and for each series its values at these.

const FEW = 24;

// How far apart its newest points are, mostly; 0: not known.
function step(t) {
    const from = Math.max(1, t.length - FEW), gaps = [];
    for (let i = from; i < t.length; i++) gaps.push(t[i] - t[i - 1]);
    return gaps.length ? gaps.sort((a, b) => a - b)[gaps.length >> 1] : 0;
}

function firstFrom(t, ms) {
    let low = 0, high = t.length;
    while (low < high) {
        const middle = (low + high) >> 1;
        if (t[middle] < ms) low = middle + 1;
        else high = middle;
    }
    return low;
}

function sameTimes(lines) {
    const a = lines[0];
    return lines.every(b => b.t.length - b.from === a.t.length - a.from && b.t[b.from] === a.t[a.from] &&
        b.t[b.t.length - 1] === a.t[a.t.length - 1] && b.t.every((t, i) => i < b.from || t === a.t[a.from + i - b.from]));
}

// Where a line is to be broken: times right behind a point after which too long nothing came.
function breaks(line) {
    const far = Math.max(2.6 * step(line.t), 1500), found = [];
    for (let i = line.from + 1; i < line.t.length; i++) if (line.t[i] - line.t[i - 1] > far) found.push(line.t[i - 1] + 1);
    return found;
}

// undefined: this series has nothing at that time, and its line goes on; null: it is broken there.
export function align(series, fromMs) {
    const lines = series.map(s => ({t: s.t, v: s.v, from: Math.max(0, firstFrom(s.t, fromMs) - 1)}));
    for (const line of lines) line.breaks = breaks(line);
    if (!lines.length) return [[]];
    if (sameTimes(lines) && !lines[0].breaks.length)
        return [lines[0].t.slice(lines[0].from).map(t => t / 1000), ...lines.map(l => l.v.slice(l.from))];
    const times = new Set();
    for (const l of lines) {
        for (let i = l.from; i < l.t.length; i++) times.add(l.t[i]);
        for (const t of l.breaks) times.add(t);
    }
    const all = [...times].sort((a, b) => a - b), at = new Map(all.map((t, i) => [t, i]));
    const columns = lines.map(l => {
        const column = new Array(all.length);
        for (let i = l.from; i < l.t.length; i++) column[at.get(l.t[i])] = l.v[i];
        for (const t of l.breaks) column[at.get(t)] = null;
        return column;
    });
    return [all.map(t => t / 1000), ...columns];
}
