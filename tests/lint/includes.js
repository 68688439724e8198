// SPDX-License-Identifier: Apache-2.0
// What every source file and header includes, beside what it may:
// - a folder includes folders of layers that it is linked against (CMakeLists.txt), which no circle leads back from;
// - the program, forward, overlay and the examples stand before the wall: of src they see the public headers, and those need
//   no others (cmake/public_headers.cmake); the values that the rooms below hand on hold no class;
// - a source includes its own header first; a header has #pragma once; a folder has a README;
// - events of the program are structs on the common vocabulary;
// - what stands in the list of names below is included where it is used, or by a source's own header.
//
// Usage: node tests/lint/includes.js
'use strict'
const fs = require('node:fs')
const path = require('node:path')
const { NAMES, ROOT } = require('./sources')

// The program's own folder is no layer: everything stands below it.
const PROGRAM = 'src/cli'
// A part of it that is a list of structs, on the common vocabulary alone.
const EVENTS = 'src/cli/events'
const EXAMPLES = 'examples'
// These bring the others along, by their own promise: the common vocabulary is not spelt out again.
const BRINGS = { 'util/bytes.hpp': ['cstdint', 'span', 'string_view', 'vector'], 'util/result.hpp': ['optional', 'variant'] }

const problems = []
const complain = (file, what) => problems.push(`${file}: ${what}`)
const read = (file) => fs.readFileSync(path.join(ROOT, file), 'utf8')

/** Folder of each layer, and what it is linked against, itself and what those bring along included. */
function layers () {
  const text = read('CMakeLists.txt')
  const found = new Map()
  for (const [, name, body] of text.matchAll(/hsfwd_layer\((\w+)\s+([^)]*)\)/g)) {
    const words = body.split(/\s+/)
    // One without a folder of its own is a list of files below the folder of its name.
    const folder = words.includes('DIR') ? words[words.indexOf('DIR') + 1] : name
    const links = words.filter((word) => word.startsWith('hsfwd_')).map((word) => word.slice('hsfwd_'.length))
    found.set(name, { folder, links })
  }
  const reach = (name, above) => {
    if (above.includes(name)) {
      complain('CMakeLists.txt', `a circle of layers: ${[...above, name].join(' -> ')}`)
      return []
    }
    return [name, ...(found.get(name)?.links ?? []).flatMap((link) => reach(link, [...above, name]))]
  }
  return new Map([...found].map(([name, { folder }]) => [folder, new Set(reach(name, []).map((below) => found.get(below)?.folder))]))
}

function filesIn (folder) {
  return fs.readdirSync(path.join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = `${folder}/${entry.name}`
    return entry.isDirectory() ? filesIn(name) : /\.[ch]pp$/.test(name) ? [name] : []
  })
}

const includesOf = (text) => [...text.matchAll(/^#include ([<"])([^>"]+)[>"]/gm)].map(([, kind, name]) => ({ own: kind === '"', name }))
const withoutComments = (text) => text.replace(/\/\/.*$/gm, '').replace(/"(\\.|[^"\\\n])*"/g, '""')

/** Where a quoted name stands; names are given from src, or from the top. */
const locate = (name) => ['src/', ''].map((prefix) => prefix + name).find((file) => fs.existsSync(path.join(ROOT, file)))

function checkArrows (file, includes, allowed) {
  const folder = path.dirname(file)
  for (const { own, name } of includes) {
    if (!own) continue
    const target = locate(name)
    if (!target) {
      complain(file, `there is no ${name}`)
    } else if (folder === EVENTS) {
      if (![EVENTS, 'src/util'].includes(path.dirname(target))) complain(file, `${target} is above the events`)
    } else if (folder !== PROGRAM) {
      const layer = [...allowed.keys()].filter((at) => folder === at || folder.startsWith(at + '/')).sort().pop()
      const to = [...allowed.keys()].filter((at) => path.dirname(target) === at || target.startsWith(at + '/')).sort().pop()
      if (!layer || !to) complain(file, `${layer ? target : folder} is in no layer`)
      else if (!allowed.get(layer).has(to)) complain(file, `${layer} is not linked against ${to} (${name})`)
    }
  }
}

/** What cmake/public_headers.cmake lists under a name. */
function listed (name) {
  const found = read('cmake/public_headers.cmake').match(new RegExp(`set\\(${name}\\s+([^)]*)\\)`))
  return found ? found[1].split(/\s+/) : (complain('cmake/public_headers.cmake', `no ${name}`), [])
}

const wall = {
  values: listed('HSFWD_VALUE_HEADERS'),
  uv: listed('HSFWD_UV_HEADERS'),
  folders: listed('HSFWD_PUBLIC_FOLDERS'),
  private: listed('HSFWD_PRIVATE_HEADERS')
}
const isFace = (file) => wall.folders.includes(path.dirname(file)) && !wall.private.includes(file)
const isPublic = (file) => isFace(file) || wall.values.includes(file) || wall.uv.includes(file)

/** Before the wall: what users have, the values only as the interface hands them on. */
function mayInclude (folder, target) {
  if (isFace(target)) return true
  if (folder === EXAMPLES) return wall.uv.includes(target)
  return folder === PROGRAM && [PROGRAM, EVENTS, 'config', 'platform', 'src/http'].includes(path.dirname(target))
}

function checkWall (file, text, includes) {
  const targets = includes.filter(({ own }) => own).map(({ name }) => locate(name)).filter(Boolean)
  const folder = path.dirname(file)
  if ([PROGRAM, EXAMPLES, 'src/forward', 'src/overlay'].includes(folder)) {
    for (const target of targets) if (!mayInclude(folder, target)) complain(file, `${target} is behind the wall`)
  }
  if (!file.endsWith('.hpp') || !isPublic(file)) return
  for (const target of targets) if (!isPublic(target)) complain(file, `is public and needs ${target}, which is not`)
  if (wall.values.includes(file) && /^class [^;]*\{/m.test(text)) complain(file, 'is a header of values and has a class')
}

function checkNames (file, text, includes) {
  const own = locate(includes.find(({ own }) => own)?.name ?? '')
  const pair = file.endsWith('.cpp') && own && path.basename(own, '.hpp') === path.basename(file, '.cpp')
  const all = [...includes, ...(pair ? includesOf(read(own)) : [])]
  const has = new Set(all.flatMap(({ name }) => [name, ...(BRINGS[name] ?? [])]))
  const code = withoutComments(text)
  for (const [header, pattern] of Object.entries(NAMES)) {
    const used = code.match(pattern)
    if (used && !has.has(header)) complain(file, `${used[0].replace(/\s*[(<]$/, '')} without <${header}>`)
  }
}

const allowed = layers()
const files = ['src', 'platform', 'config'].flatMap(filesIn)
for (const file of files) {
  const text = read(file)
  const includes = includesOf(text)
  checkArrows(file, includes, allowed)
  checkWall(file, text, includes)
  checkNames(file, text, includes)
  if (file.endsWith('.hpp') && !/^#pragma once$/m.test(text)) complain(file, 'no #pragma once')
  const header = `${file.slice(0, -4)}.hpp`
  if (file.endsWith('.cpp') && fs.existsSync(path.join(ROOT, header)) && locate(includes[0]?.name ?? '') !== header) {
    complain(file, 'its own header is not the first that it includes')
  }
}
for (const file of filesIn(EXAMPLES)) checkWall(file, read(file), includesOf(read(file)))
for (const file of [...wall.values, ...wall.uv, ...wall.private]) {
  if (!fs.existsSync(path.join(ROOT, file))) complain('cmake/public_headers.cmake', `there is no ${file}`)
}
for (const folder of new Set(files.map((file) => path.dirname(file)))) {
  if (!fs.existsSync(path.join(ROOT, folder, 'README.md'))) complain(folder, 'no README.md')
}
for (const problem of problems) console.log(problem)
console.log(`${files.length} files, ${problems.length} problems`)
process.exit(problems.length ? 1 : 0)
