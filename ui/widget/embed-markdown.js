// The Markdown of an answer -> nodes. Elements are made by name and text is put in as text, so nothing in it can act:
// no HTML, no pictures, no address other than http and https.

const MAX_TEXT = 100_000;
const MAX_DEPTH = 8; // lists in lists, quotes in quotes

const FENCE = /^([ \t]*)(`{3,}|~{3,})[^`\n]*$/;
const ITEM = /^([ \t]*)(?:[-+*]|(\d{1,9})[.)])([ \t]+|$)/;
const HEADING = /^#{1,6}[ \t]+(.*?)[ \t]*#*$/;
const QUOTE = /^ {0,3}> ?/;

const INLINE = new RegExp(
  [
    /\\([!-/:-@[-`{-~])/, // 1: an escaped sign
    /(`+)(?!`)([\s\S]*?[^`])\2(?!`)/, // 2, 3: code
    /\*\*(?=\S)([\s\S]*?\S)\*\*/, // 4: bold
    /(?<![*\w])([*_])(?=[^\s*_])([^*_]*?[^\s*_])\5(?![*\w])/, // 5, 6: stressed
    /!?\[((?:\\.|[^[\]\\])*)\]\(<?([^()\s<>]+)>?[^()]*\)/, // 7, 8: a link, or a picture, which is not fetched
    /<(https?:\/\/[^\s<>]+)>/, // 9: an address
    /\[(\d{1,6})\]/, // 10: a mark
    /( {2,}|\\)\n/, // 11: the end of a line that was meant
    /(`+)/, // 12: backticks that open nothing
  ].map((part) => part.source).join("|"),
  "gu",
);

/** Without controls, marks that turn the text round, and other characters that are not seen but act. */
export function printable(text) {
  return String(text ?? "").replace(/[^\n\t\P{C}]/gu, (sign) => (/\p{Cn}/u.test(sign) ? sign : ""));
}

/** An element with text in it. */
export function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children.map((child) => (typeof child === "string" ? printable(child) : child)));
  return made;
}

/** A link that opens beside the chat, or its text alone if the address is not of the web. */
export function link(address, ...children) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return element("span", "", ...children);
  }
  if (!/^https?:$/.test(url.protocol)) return element("span", "", ...children);
  const made = element("a", "", ...children);
  made.href = url.href;
  made.target = "_blank";
  made.rel = "noopener noreferrer";
  return made;
}

/** The nodes of a text; `mark(number)` gives that of a mark `[1]`, or nothing if there is no such source. */
export function render(text, mark) {
  const made = document.createDocumentFragment();
  made.append(...blocks(printable(text).slice(0, MAX_TEXT).split("\n"), mark, 0));
  return made;
}

function* blocks(lines, mark, depth) {
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    const fence = line.match(FENCE);
    const heading = line.match(HEADING);
    let end = at + 1;
    if (!line.trim()) {
      // between two blocks
    } else if (fence) {
      const closes = (each) => each.trim().startsWith(fence[2]) && /^(`+|~+)$/.test(each.trim());
      while (end < lines.length && !closes(lines[end])) end += 1;
      const code = lines.slice(at + 1, end).map((each) => dedented(each, fence[1].length));
      yield scrolling(element("pre", "", element("code", "", code.join("\n"))));
      end += 1;
    } else if (heading) {
      yield element("p", "heading", element("strong", "", ...inline(heading[1], mark)));
    } else if (depth < MAX_DEPTH && QUOTE.test(line)) {
      while (end < lines.length && QUOTE.test(lines[end])) end += 1;
      const inside = lines.slice(at, end).map((each) => each.replace(QUOTE, ""));
      yield element("blockquote", "", ...blocks(inside, mark, depth + 1));
    } else if (depth < MAX_DEPTH && ITEM.test(line)) {
      end = listEnd(lines, at);
      yield list(lines.slice(at, end), mark, depth);
    } else {
      while (end < lines.length && lines[end].trim() && !opens(lines[end])) end += 1;
      const whole = lines.slice(at, end).map((each) => each.trimStart()).join("\n");
      yield element("p", "", ...inline(whole.trimEnd(), mark));
    }
    at = end;
  }
}

function opens(line) {
  return [FENCE, ITEM, HEADING, QUOTE].some((form) => form.test(line));
}

/** Code may be wider than the panel: it is moved by the keyboard as well. */
function scrolling(pre) {
  pre.tabIndex = 0;
  return pre;
}

function indent(line) {
  return line.length - line.trimStart().length;
}

function dedented(line, width) {
  return line.slice(Math.min(width, indent(line)));
}

/** A list goes on with items as far in as its first, what stands further in, and blank lines before such. */
function listEnd(lines, at) {
  const own = indent(lines[at]);
  let end = at + 1;
  for (let next = end; next < lines.length; next += 1) {
    const line = lines[next];
    if (!line.trim()) continue;
    const goesOn = indent(line) > own || (indent(line) === own && ITEM.test(line));
    const isLazy = next === end && !opens(line) && lines[next - 1].trim();
    if (!goesOn && !isLazy) break;
    end = next + 1;
  }
  return end;
}

function list(lines, mark, depth) {
  const first = lines[0].match(ITEM);
  const made = element(first[2] ? "ol" : "ul", "");
  if (first[2]) made.start = Number(first[2]);
  const own = indent(lines[0]);
  let at = 0;
  while (at < lines.length) {
    const width = lines[at].match(ITEM)?.[0].length ?? own;
    let end = at + 1;
    while (end < lines.length && !(indent(lines[end]) <= own && ITEM.test(lines[end]))) end += 1;
    const inside = [lines[at].slice(width), ...lines.slice(at + 1, end).map((each) => dedented(each, width))];
    made.append(element("li", "", ...blocks(inside, mark, depth + 1)));
    at = end;
  }
  return made;
}

function* inline(text, mark) {
  let end = 0;
  for (const found of text.matchAll(INLINE)) {
    if (found.index > end) yield text.slice(end, found.index);
    end = found.index + found[0].length;
    const [whole, escaped, , code, bold, , stressed, label, address, plain, number, isBreak] = found;
    if (escaped !== undefined) yield escaped;
    else if (code !== undefined) yield element("code", "", code.replace(/\n/g, " ").replace(/^ (.*\S.*) $/, "$1"));
    else if (bold !== undefined) yield element("strong", "", ...inline(bold, mark));
    else if (stressed !== undefined) yield element("em", "", ...inline(stressed, mark));
    else if (address !== undefined) yield whole[0] === "!" ? label : link(address, ...inline(label, mark));
    else if (plain !== undefined) yield link(plain, plain);
    else if (number !== undefined) yield mark(Number(number)) ?? whole;
    else if (isBreak !== undefined) yield element("br", "");
    else yield whole;
  }
  if (end < text.length) yield text.slice(end);
}
