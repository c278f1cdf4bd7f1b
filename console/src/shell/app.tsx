// The frame of every view: login, navigation, palette, and the view that the URL names.

import { useSignalEffect } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { expired, findSession, session } from "../api/client";
import { asApiError } from "../api/resource";
import { Failure } from "../parts/failure";
import { Words } from "../parts/words";
import { link, place } from "../routing";
import { Tour } from "../tour/tour";
import { Login } from "./login";
import { Navigation } from "./navigation";
import { Palette } from "./palette";
import { VIEWS, type View } from "./views";

const loaded = new Map<string, ComponentType>();

export function App() {
  const [error, setError] = useState<unknown>(null);
  const look = () => findSession().then(() => setError(null), setError);
  useEffect(() => void look(), []);
  if (error !== null) {
    return (
      <main class="alone">
        <Failure error={asApiError(error)} retry={look} />
      </main>
    );
  }
  if (session.value === undefined) return <p class="alone quiet">Looking for your session…</p>;
  if (session.value === null) return <Login />;
  return (
    <div class="frame">
      <a class="skip" href="#view">
        Skip to the view
      </a>
      <Navigation />
      <main id="view" tabIndex={-1}>
        <ViewOfUrl />
      </main>
      <Palette />
      <Tour />
      {expired.value && <Login again />}
    </div>
  );
}

function ViewOfUrl() {
  const view = VIEWS.find(({ name }) => name === place.value.view);
  useSignalEffect(() => {
    const found = VIEWS.find(({ name }) => name === place.value.view);
    document.title = found && found.name !== "" ? `${found.title} – IntegrateDB` : "IntegrateDB";
  });
  if (!view) {
    return (
      <section class="empty">
        <h1>There is no such view</h1>
        <p>
          The console has no view <code>{place.value.view}</code>. <a href={link("")}>Home</a> lists what there is.
        </p>
      </section>
    );
  }
  return <Loaded view={view} key={view.name} />;
}

function Loaded({ view }: { view: View }) {
  const [component, setComponent] = useState<ComponentType | undefined>(() => loaded.get(view.name));
  const [error, setError] = useState<unknown>(null);
  const load = () => {
    setError(null);
    view.load().then((module) => {
      loaded.set(view.name, module.default);
      setComponent(() => module.default);
    }, setError);
  };
  useEffect(() => {
    if (!component) load();
  }, []);
  if (error !== null) return <Failure error={asApiError(error)} retry={load} />;
  if (!component) return <p class="quiet">Loading {view.title.toLowerCase()}…</p>;
  const Component = component;
  return (
    <>
      <Words view={view.name} />
      <Component />
    </>
  );
}
