// SPDX-License-Identifier: Apache-2.0
// What is to be seen, as a value, and the page made to look like it. Elements stay where they can: focus, what is
// unfolded and what moves go on. Texts become text nodes and attributes, never markup.

const SVG = 'http://www.w3.org/2000/svg'
const SVG_NAMES = new Set(['svg', 'g', 'path', 'rect', 'circle', 'line', 'text', 'tspan', 'title'])
// Of an element: what it was made from.
const made = new WeakMap()

/** An element. `key` tells it from its siblings, `on` has listeners; an attribute that is null or false is left out. */
export function h (name, attributes, ...children) {
  const { key, on, ...rest } = attributes ?? {}
  return { name, key, on: on ?? {}, attributes: rest, children: children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false) }
}

const isElement = (one) => typeof one === 'object'
const attributeText = (value) => value === null || value === undefined || value === false ? null : value === true ? '' : String(value)

function create (one) {
  if (!isElement(one)) return document.createTextNode('')
  const node = SVG_NAMES.has(one.name) ? document.createElementNS(SVG, one.name) : document.createElement(one.name)
  // Listeners stay; what they call is the newest.
  for (const type of Object.keys(one.on)) node.addEventListener(type, (event) => made.get(node).on[type]?.(event))
  return node
}

function fits (node, one) {
  if (!isElement(one)) return node.nodeType === Node.TEXT_NODE
  const before = made.get(node)
  return before !== undefined && before.name === one.name && before.key === one.key
}

function update (node, one) {
  if (!isElement(one)) {
    const text = String(one)
    if (node.nodeValue !== text) node.nodeValue = text
    return
  }
  const before = made.get(node)
  made.set(node, one)
  for (const name of Object.keys(before?.attributes ?? {})) {
    if (attributeText(one.attributes[name]) === null) node.removeAttribute(name)
  }
  for (const [name, value] of Object.entries(one.attributes)) {
    const text = attributeText(value)
    if (text !== null && (before === undefined || attributeText(before.attributes[name]) !== text)) node.setAttribute(name, text)
  }
  render(node, one.children)
}

/** Makes the children of a node be these. */
export function render (parent, ...wanted) {
  const children = wanted.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false)
  const keyed = new Map()
  for (const node of parent.childNodes) {
    const key = made.get(node)?.key
    if (key !== undefined) keyed.set(key, node)
  }
  let next = parent.firstChild
  for (const one of children) {
    let node = null
    const key = isElement(one) ? one.key : undefined
    if (key !== undefined) {
      const candidate = keyed.get(key)
      if (candidate && fits(candidate, one)) node = candidate
      keyed.delete(key)
    } else if (next && fits(next, one)) {
      node = next
    }
    node ??= create(one)
    if (node === next) next = next.nextSibling
    else parent.insertBefore(node, next)
    update(node, one)
  }
  while (next) {
    const gone = next
    next = next.nextSibling
    gone.remove()
  }
}
