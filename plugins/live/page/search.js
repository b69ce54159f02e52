// Words that must all be there: part of a name or of a tag, `tag=value`, with * for anything; -word must not be there.

const special = /[.+?^${}()|[\]\\]/g;

function pattern(text, whole) {
    const source = text.replace(special, "\\$&").replaceAll("*", ".*");
    return new RegExp(whole ? `^${source}$` : source, "i");
}

function test(word) {
    const at = word.indexOf("=");
    if (at > 0) {
        const key = pattern(word.slice(0, at), true), value = pattern(word.slice(at + 1), word.includes("*"));
        return s => Object.entries(s.tags).some(([k, v]) => key.test(k) && value.test(v));
    }
    const part = pattern(word, false);
    return s => part.test(s.name) || Object.entries(s.tags).some(([k, v]) => part.test(k + "=" + v));
}

// A function of a series; null: all are meant.
export function query(text) {
    const tests = text.trim().split(/\s+/).filter(w => w && w !== "-").map(w => {
        if (w[0] !== "-") return test(w);
        const not = test(w.slice(1));
        return s => !not(s);
    });
    return tests.length ? s => tests.every(t => t(s)) : null;
}
