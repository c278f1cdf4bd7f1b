// The views, the search, and what the user has chosen for this browser.

import { useState } from "preact/hooks";
import { logOut, session } from "../api/client";
import { link, place } from "../routing";
import { openPalette } from "./palette";
import { type Theme, teaching, theme } from "./preferences";
import { VIEWS } from "./views";

export function Navigation() {
  const [open, setOpen] = useState(false);
  return (
    <header class="bar">
      <a class="brand" href={link("")}>
        IntegrateDB
      </a>
      <button type="button" class="menu" aria-expanded={open} aria-controls="views" onClick={() => setOpen(!open)}>
        Views
      </button>
      <nav id="views" aria-label="Views" data-open={open}>
        {VIEWS.map((view) => (
          <a
            key={view.name}
            href={link(view.name)}
            aria-current={place.value.view === view.name ? "page" : undefined}
            onClick={() => setOpen(false)}
          >
            {view.title}
          </a>
        ))}
      </nav>
      <div class="tools">
        <button
          type="button"
          onClick={() => openPalette()}
          title="Search tables, columns, stakeholders, views and documentation"
        >
          Search <kbd>Ctrl K</kbd>
        </button>
        <label title="Show the SQL, HTTP and command line that do the same">
          <input
            type="checkbox"
            checked={teaching.value}
            onChange={(event) => {
              teaching.value = event.currentTarget.checked;
            }}
          />
          Teach
        </label>
        <select
          aria-label="Theme"
          value={theme.value}
          onChange={(event) => {
            theme.value = event.currentTarget.value as Theme;
          }}
        >
          <option value="system">System</option>
          <option value="light">Light</option>
          <option value="dark">Dark</option>
        </select>
        <button type="button" onClick={() => void logOut()} title={`Logged in as ${session.value?.username ?? ""}`}>
          Log out
        </button>
      </div>
    </header>
  );
}
