// The pages of the documentation, which the build takes from docs/; each is loaded when it is opened.

const files = import.meta.glob<string>("../../../docs/*.md", { query: "?raw", import: "default" });
const story = import.meta.glob<string>("../../../demo/story.md", { query: "?raw", import: "default" });

export interface Page {
  name: string;
  load: () => Promise<string>;
}

export const PAGES: readonly Page[] = Object.entries({ ...story, ...files })
  .map(([path, load]) => ({ name: nameOf(path), load }))
  .filter((page) => page.name !== "releasing");

function nameOf(path: string): string {
  const file = path.split("/").at(-1) ?? path;
  return file === "README.md" ? "contents" : file.replace(/\.md$/, "");
}

/** The way through the pages for somebody new; what is not named here follows by name. */
const ORDER = [
  "contents",
  "story",
  "specification",
  "contracts",
  "saved-queries",
  "notifications",
  "data-api",
  "graphql",
];

export function sorted(pages: readonly Page[]): Page[] {
  const rank = (page: Page) => {
    const place = ORDER.indexOf(page.name);
    return place < 0 ? ORDER.length : place;
  };
  return [...pages].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
}

const WRITTEN: Record<string, string> = { api: "API", graphql: "GraphQL", postgrest: "PostgREST", sql: "SQL" };

/** The name of a page as its title. */
export function titled(name: string): string {
  const words = name.replaceAll("-", " ").replaceAll(/\w+/g, (word) => WRITTEN[word] ?? word);
  return words.charAt(0).toUpperCase() + words.slice(1);
}
