// SPDX-License-Identifier: Apache-2.0
// The folders of the product, their files, and what a compiler has to know of them.
'use strict'
const fs = require('node:fs')
const path = require('node:path')

const ROOT = path.join(__dirname, '..', '..')
const below = (folder) => fs.readdirSync(path.join(ROOT, folder), { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => `${folder}/${name}`)
const rooms = (folder) => [folder, ...below(folder).flatMap(rooms)]
// Of platform's folders, those that this system builds.
const SYSTEM = ['common', 'posix', process.platform].map((name) => `platform/${name}`)
const FOLDERS = [...rooms('src').slice(1), 'platform', ...SYSTEM, 'config']

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
    else if ((/^-(D|I|std)/.test(words[i]) && !words[i].includes('_FORTIFY_SOURCE')) || also.test(words[i])) kept.push(words[i].replace(/\\?"/g, ''))
  }
  return [...kept, '-DHSFWD_VERSION="tidy"']
}

module.exports = { FOLDERS, ROOT, filesOf, flagsOf, read }
