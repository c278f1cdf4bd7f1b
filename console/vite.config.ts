// Builds the console into the companion, whose management service serves it at /console.

import preact from "@preact/preset-vite";
import { defineConfig } from "vitest/config";

export default defineConfig({
  base: "/console/",
  plugins: [preact()],
  build: {
    outDir: "../companion/integratedb_companion/serve/assets",
    emptyOutDir: true,
    target: "es2022",
    // A data: URL would be a script or style that the Content-Security-Policy does not know.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/api": "http://127.0.0.1:4000" }, fs: { allow: [".."] } },
  test: { environment: "happy-dom", include: ["tests/**/*.test.ts", "tests/**/*.test.tsx"] },
});
