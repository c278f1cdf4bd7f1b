// Reads the Markdown of the pages. The result is data, which the view turns into elements: no text becomes HTML.

import { marked, type Token, type Tokens } from "marked";

export type { Token, Tokens };

export interface Section {
  id: string;
  title: string;
  depth: number;
}

export function read(text: string): Token[] {
  return marked.lexer(text, { gfm: true });
}

/** The identifier of a heading, as GitHub makes it: links between the pages use it. */
export function idOf(title: string): string {
  return plain(title)
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(/\s/g, "-");
}

/** A title without its marks. */
export function plain(title: string): string {
  return title.replaceAll(/[`*]/g, "").replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1");
}

export function sections(tokens: readonly Token[]): Section[] {
  return tokens
    .filter((token): token is Tokens.Heading => token.type === "heading")
    .map((token) => ({ id: idOf(token.text), title: plain(token.text), depth: token.depth }));
}

/** Where a link of a page leads: a page of the console, or null for what only the repository has. */
export function target(href: string, page: string): { page: string; section: string | null } | null {
  if (/^[a-z]+:/i.test(href)) return null;
  const [path = "", section = null] = href.split("#");
  if (path === "") return { page, section };
  const file = /^(?:\.\/|\.\.\/docs\/|\.\.\/demo\/|docs\/)?([\w-]+)\.md$/.exec(path)?.[1];
  if (!file) return null;
  return { page: file === "README" ? "contents" : file, section };
}

export interface Found {
  page: string;
  section: Section | null;
  line: string;
}

/** The places where a page has every word, headings first. */
export function find(page: string, text: string, words: readonly string[], limit: number): Found[] {
  const found: Found[] = [];
  let section: Section | null = null;
  let fenced = false;
  for (const line of text.split("\n")) {
    if (line.startsWith("```")) fenced = !fenced;
    const heading = fenced ? null : /^(#+) (.*)/.exec(line);
    if (heading) {
      const title = heading[2] ?? "";
      section = { id: idOf(title), title: plain(title), depth: heading[1]?.length ?? 1 };
    }
    const lower = line.toLowerCase();
    if (words.every((word) => lower.includes(word))) {
      const entry = { page, section, line: line.replace(/^#+ /, "") };
      if (heading) found.unshift(entry);
      else found.push(entry);
    }
  }
  return found.slice(0, limit);
}
