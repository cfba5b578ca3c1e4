// @ts-check
// A JSON schema, as far as portal/bench/flight.py uses one: whether a value keeps to it, and what is left out of a value filled in.

/** @typedef {Record<string, any>} Schema */

/** @type {Record<string, (value: any) => boolean>} */
const TYPES = {
  string: (value) => typeof value === "string",
  number: (value) => typeof value === "number" && Number.isFinite(value),
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === "boolean",
  array: (value) => Array.isArray(value),
  object: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  null: (value) => value === null,
};

/** @type {Record<string, (limit: any, value: any) => boolean>} each is asked only of the type that it is about */
const LIMITS = {
  const: (wanted, value) => value === wanted,
  enum: (options, value) => options.includes(value),
  minimum: (least, value) => value >= least,
  maximum: (most, value) => value <= most,
  minLength: (least, value) => value.length >= least,
  maxLength: (most, value) => value.length <= most,
  pattern: (pattern, value) => new RegExp(pattern, "u").test(value),
  minItems: (least, value) => value.length >= least,
  maxItems: (most, value) => value.length <= most,
  maxProperties: (most, value) => Object.keys(value).length <= most,
};

/** @param {Schema} part @param {Schema} root @returns {Schema} */
const followed = (part, root) => (part.$ref ? root.$defs[part.$ref.split("/").at(-1)] : part);

/** @param {any} value @param {Schema} part of the schema `root` @param {Schema} root @returns {boolean} */
export function keepsTo(value, part, root) {
  const schema = followed(part, root);
  if (schema.anyOf) return schema.anyOf.some((/** @type {Schema} */ one) => keepsTo(value, one, root));
  if (!TYPES[schema.type](value)) return false;
  if (!Object.entries(LIMITS).every(([name, holds]) => !(name in schema) || holds(schema[name], value))) return false;
  if (schema.type === "array") return value.every((/** @type {any} */ item, /** @type {number} */ index) => keepsTo(item, schema.prefixItems?.[index] ?? schema.items, root));
  if (schema.type !== "object") return true;
  if (schema.patternProperties) {
    const [pattern, each] = Object.entries(schema.patternProperties)[0];
    return Object.entries(value).every(([name, item]) => keepsTo(name, { type: "string", pattern, ...schema.propertyNames }, root) && keepsTo(item, each, root));
  }
  return wrongIn(value, schema, root) === "";
}

/** @param {any} value an object @param {Schema} schema @param {Schema} root @returns {string} its first property that is missing or wrong, empty if there is none */
export function wrongIn(value, schema, root) {
  const wrong = Object.entries(schema.properties).find(([name, part]) => (value[name] === undefined ? schema.required.includes(name) : !keepsTo(value[name], part, root)));
  return wrong?.[0] ?? "";
}

/** @param {Record<string, any>} value @param {Schema} schema @param {Schema} root @returns {Record<string, any>} the value with the defaults of what it leaves out */
export function filled(value, schema, root) {
  const whole = Object.entries(schema.properties).map(([name, part]) => {
    const inner = followed(part, root);
    const own = value[name] === undefined ? structuredClone(inner.default) : value[name];
    return [name, inner.properties ? filled(own, inner, root) : own];
  });
  return { ...value, ...Object.fromEntries(whole) };
}
