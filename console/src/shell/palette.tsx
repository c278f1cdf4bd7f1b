// The command palette: Ctrl-K or / opens it, and everything that has a name is found in it.

import { signal } from "@preact/signals";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { databaseMap, loadMap } from "../api/map";
import { PAGES, titled } from "../learn/pages";
import { go, link } from "../routing";
import { type Entry, entriesOf, ranked } from "./search";
import { VIEWS } from "./views";

const isOpen = signal(false);

export function openPalette(): void {
  isOpen.value = true;
  void loadMap();
}

const VIEW_ENTRIES: Entry[] = VIEWS.map((view) => ({
  name: view.title,
  kind: "view",
  what: view.what,
  url: link(view.name),
}));

const PAGE_ENTRIES: Entry[] = PAGES.map((page) => ({
  name: titled(page.name),
  kind: "documentation",
  what: "",
  url: link("learn", {}, page.name),
}));

function isWriting(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

export function Palette() {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const combined = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k";
      if (!combined && (event.key !== "/" || isWriting(event.target))) return;
      event.preventDefault();
      openPalette();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  return isOpen.value ? <Opened /> : null;
}

function Opened() {
  const dialog = useRef<HTMLDialogElement>(null);
  const [words, setWords] = useState("");
  const [chosen, setChosen] = useState(0);
  const entries = useMemo(
    () => [...VIEW_ENTRIES, ...entriesOf(databaseMap.value), ...PAGE_ENTRIES],
    [databaseMap.value],
  );
  const found = useMemo(() => ranked(entries, words, 50), [entries, words]);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const close = () => {
    isOpen.value = false;
  };
  const follow = (entry: Entry | undefined) => {
    if (!entry) return;
    close();
    go(entry.url);
  };

  function onKey(event: KeyboardEvent) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const next = Math.min(Math.max(chosen + step, 0), found.length - 1);
      setChosen(next);
      document.getElementById(`found-${next}`)?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter") {
      event.preventDefault();
      follow(found[chosen]);
    }
  }

  return (
    <dialog ref={dialog} class="palette" aria-label="Search" onClose={close}>
      <input
        type="text"
        role="combobox"
        aria-label="Search tables, columns, stakeholders, views and documentation"
        aria-expanded="true"
        aria-controls="found"
        aria-activedescendant={found.length > 0 ? `found-${chosen}` : undefined}
        placeholder="Tables, columns, stakeholders, views, documentation"
        autofocus
        onInput={(event) => {
          setWords(event.currentTarget.value);
          setChosen(0);
        }}
        onKeyDown={onKey}
      />
      <div id="found" role="listbox" aria-label="Found">
        {found.map((entry, index) => (
          <div
            key={`${entry.kind} ${entry.url}`}
            id={`found-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === chosen}
            onMouseMove={() => setChosen(index)}
            onClick={() => follow(entry)}
            onKeyDown={onKey}
          >
            <span>{entry.name}</span>
            <span class="quiet">
              {entry.kind}
              {entry.what && `, ${entry.what}`}
            </span>
          </div>
        ))}
      </div>
      {found.length === 0 && <p class="quiet">Nothing has this name.</p>}
    </dialog>
  );
}
