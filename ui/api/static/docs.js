// Shows /openapi.json: each route with what it takes and gives. All of it is put in as text.
"use strict";

function add(parent, tag, text) {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  parent.append(made);
  return made;
}

function schemaOf(spec, schema) {
  const name = schema && schema.$ref && schema.$ref.split("/").pop();
  return name ? spec.components.schemas[name] : schema;
}

function showRoute(spec, parent, method, path, about) {
  const shown = add(parent, "details");
  const title = add(shown, "summary");
  add(title, "code", `${method.toUpperCase()} ${path}`);
  const description = about.description || about.summary || "";
  add(title, "span", ` ${description.split(". ")[0]}`);
  add(shown, "p", description);
  for (const one of about.parameters || []) {
    add(shown, "p", `${one.in}: ${one.name}${one.required ? "" : " (may be left out)"} ${one.description || ""}`);
  }
  const body = about.requestBody && about.requestBody.content["application/json"];
  if (body) {
    add(shown, "p", "Body (JSON):");
    add(shown, "pre", JSON.stringify(schemaOf(spec, body.schema), null, 2));
  }
  for (const [status, answer] of Object.entries(about.responses || {})) {
    add(shown, "p", `${status}: ${answer.description} ${Object.keys(answer.content || {}).join(", ")}`);
  }
}

async function show() {
  const about = document.getElementById("about");
  const answer = await fetch("/openapi.json");
  if (!answer.ok) {
    about.textContent = `/openapi.json cannot be read (${answer.status}).`;
    return;
  }
  const spec = await answer.json();
  about.textContent = `${spec.info.title} ${spec.info.version}. ${spec.info.description}`;
  const routes = document.getElementById("routes");
  for (const [path, methods] of Object.entries(spec.paths)) {
    for (const [method, one] of Object.entries(methods)) showRoute(spec, routes, method, path, one);
  }
}

show();
