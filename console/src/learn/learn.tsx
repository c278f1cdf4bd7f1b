// The documentation, searchable; each example of SQL can be run.

import { useEffect, useMemo, useState } from "preact/hooks";
import { useResource } from "../api/resource";
import { Failure } from "../parts/failure";
import { change, link, place } from "../routing";
import { type Found, find, read, sections } from "./markdown";
import { PAGES, type Page, sorted, titled } from "./pages";
import { Blocks } from "./render";
import "./learn.css";

const MOST_FOUND = 40;

export default function Learn() {
  const name = place.value.rest[0] ?? "contents";
  const words = place.value.query.get("q") ?? "";
  const page = PAGES.find((known) => known.name === name);
  return (
    <div class="learn">
      <nav aria-label="Pages">
        <input
          type="search"
          aria-label="Search the documentation"
          placeholder="Search the documentation"
          value={words}
          onInput={(event) => change({ q: event.currentTarget.value })}
        />
        <ul>
          {sorted(PAGES).map((known) => (
            <li key={known.name}>
              <a href={link("learn", {}, known.name)} aria-current={known.name === name ? "page" : undefined}>
                {titled(known.name)}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <article>
        {words.trim().length >= 2 ? (
          <Search words={words} />
        ) : page ? (
          <Content page={page} key={page.name} />
        ) : (
          <>
            <h1>There is no such page</h1>
            <p>
              The documentation has no page <code>{name}</code>. <a href={link("learn")}>All pages</a>
            </p>
          </>
        )}
      </article>
    </div>
  );
}

function Content({ page }: { page: Page }) {
  const text = useResource(page.load, [page.name]);
  const tokens = useMemo(() => (text.value === undefined ? [] : read(text.value)), [text.value]);
  const parts = useMemo(() => sections(tokens).filter((section) => section.depth === 2), [tokens]);
  useEffect(() => {
    const id = decodeURIComponent(location.hash.slice(1));
    if (id !== "" && tokens.length > 0) document.getElementById(id)?.scrollIntoView();
  }, [tokens]);
  if (text.error) return <Failure error={text.error} retry={text.reload} />;
  if (text.value === undefined) return <h1>{titled(page.name)}</h1>;
  return (
    <>
      {parts.length > 2 && (
        <details class="parts">
          <summary>On this page</summary>
          <ul>
            {parts.map((section) => (
              <li key={section.id}>
                <a href={`${link("learn", {}, page.name)}#${section.id}`}>{section.title}</a>
              </li>
            ))}
          </ul>
        </details>
      )}
      <Blocks tokens={tokens} page={page.name} />
    </>
  );
}

function Search({ words }: { words: string }) {
  const [texts, setTexts] = useState<[string, string][] | null>(null);
  useEffect(() => {
    void Promise.all(PAGES.map(async (page) => [page.name, await page.load()] as [string, string])).then(setTexts);
  }, []);
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const found: Found[] = (texts ?? []).flatMap(([name, text]) => find(name, text, wanted, 8)).slice(0, MOST_FOUND);
  return (
    <>
      <h1>Search</h1>
      <p class="quiet" role="status">
        {texts === null
          ? "Reading the pages…"
          : found.length === 0
            ? "No page has these words."
            : `${found.length} places`}
      </p>
      <ul class="found">
        {found.map((place, index) => (
          <li key={index}>
            <a href={`${link("learn", {}, place.page)}${place.section ? `#${place.section.id}` : ""}`}>
              {titled(place.page)}
              {place.section && place.section.depth > 1 && `: ${place.section.title}`}
            </a>
            <div class="quiet">{place.line.slice(0, 200)}</div>
          </li>
        ))}
      </ul>
    </>
  );
}
