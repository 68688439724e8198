// SPDX-License-Identifier: Apache-2.0
// The folders of the product, their files, what a compiler has to know of them, and the names by which includes.js
// knows that a header of a library is missing.
'use strict'
const fs = require('node:fs')
const path = require('node:path')

const ROOT = path.join(__dirname, '..', '..')
const below = (folder) => fs.readdirSync(path.join(ROOT, folder), { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => `${folder}/${name}`)
const rooms = (folder) => [folder, ...below(folder).flatMap(rooms)]
// Of platform's folders, those that this system builds.
const SYSTEM = ['common', 'posix', process.platform, 'static'].map((name) => `platform/${name}`)
const FOLDERS = [...rooms('src').slice(1), 'platform', ...SYSTEM, 'config']

const NAMES = {
  'boost/program_options.hpp': /\bboost::program_options\b/,
  'fmt/format.h': /\bfmt::/,
  'nlohmann/json.hpp': /\bnlohmann::/,
  algorithm: /\bstd::(minmax|max|min|clamp|stable_sort|partial_sort|nth_element|is_sorted|sort|find_if_not|find_if|find_first_of|adjacent_find|find|any_of|all_of|none_of|count_if|count|copy_if|copy_n|copy_backward|copy|remove_copy|remove_if|remove|replace|reverse|rotate|shuffle|transform|generate|for_each|max_element|min_element|lower_bound|upper_bound|equal_range|binary_search|equal|mismatch|lexicographical_compare|search|fill_n|fill|unique|partition|set_(?:difference|intersection|union)|(?:push|pop|make)_heap|merge)\b\s*[(<]/,
  array: /\bstd::array</,
  charconv: /\bstd::(from_chars|to_chars)\b/,
  deque: /\bstd::deque</,
  filesystem: /\bstd::filesystem\b/,
  functional: /\bstd::function</,
  list: /\bstd::list</,
  map: /\bstd::(multi)?map</,
  memory: /\bstd::(unique_ptr|shared_ptr|weak_ptr|make_unique|make_shared)\b/,
  optional: /\bstd::(optional<|nullopt\b)/,
  set: /\bstd::set</,
  span: /\bstd::span</,
  string: /\bstd::(string|to_string)\b/,
  string_view: /\bstd::string_view\b/,
  unordered_map: /\bstd::unordered_map</,
  variant: /\bstd::variant</,
  vector: /\bstd::vector</
}

const read = (file) => fs.readFileSync(path.join(ROOT, file), 'utf8')
const filesOf = (folder, suffix) => fs.readdirSync(path.join(ROOT, folder)).filter((name) => name.endsWith(suffix)).map((name) => `${folder}/${name}`).sort()

/** What a compiler has to know of a folder, `also` with flags of that form; hardening is another tool's business. */
function flagsOf (folder, commands, also = /^$/) {
  const target = `hsfwd_${folder.split('/')[folder.startsWith('src/') ? 1 : 0]}.dir/`
  const entry = commands.find(({ command }) => command.includes(target))
  if (!entry) {
    if (filesOf(folder, '.cpp').length) throw new Error(`${folder} has sources, and nothing that is built of them`)
    return null // headers only
  }
  const words = entry.command.match(/(?:\\.|"(?:\\.|[^"])*"|[^\s"\\])+/g)
  const kept = []
  for (let i = 0; i < words.length; i++) {
    if (words[i] === '-isystem') kept.push(words[i], words[++i])
    else if ((/^-(D|I|std)/.test(words[i]) && !/_FORTIFY_SOURCE|HSFWD_VERSION/.test(words[i])) || also.test(words[i])) kept.push(words[i].replace(/\\?"/g, ''))
  }
  return [...kept, '-DHSFWD_VERSION="tidy"']
}

module.exports = { FOLDERS, NAMES, ROOT, filesOf, flagsOf, read }
