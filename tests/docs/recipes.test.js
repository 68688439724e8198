// SPDX-License-Identifier: Apache-2.0
// The recipes: each command of hsfwd in them is one that it takes, each configuration one that it runs, each page in the index.
'use strict'
const fs = require('node:fs')
const path = require('node:path')
const t = require('../support/harness')

const ROOT = path.join(__dirname, '..', '..')
const FOLDER = path.join(ROOT, 'docs/recipes')
const INDEX = 'README.md'
const pages = fs.readdirSync(FOLDER).filter((name) => name.endsWith('.md')).sort()
const texts = new Map(pages.map((name) => [name, fs.readFileSync(path.join(FOLDER, name), 'utf8')]))

/** The blocks of a page, and what is left of it. */
function partsOf (text) {
  const blocks = []
  const prose = text.replace(/^```(\S*)\n(.*?)^```$/gms, (whole, kind, body) => {
    blocks.push({ kind, body })
    return ''
  })
  return { blocks, prose }
}

/** The words of a shell's command line, up to where the command ends. */
function wordsOf (line) {
  const words = []
  let word = null
  let quote = null
  for (const letter of line) {
    if (quote) {
      if (letter === quote) quote = null
      else word += letter
    } else if (letter === '\'' || letter === '"') {
      quote = letter
      word ??= ''
    } else if (/\s/.test(letter)) {
      if (word !== null) words.push(word)
      word = null
    } else if (word === null && /[#|;&<>]/.test(letter)) {
      break
    } else {
      word = (word ?? '') + letter
    }
  }
  t.equal(quote, null, `an open quote in ${line}`)
  return word === null ? words : [...words, word]
}

/** The command lines of hsfwd on a page, each as words behind the program's name. */
function commandsOf (text) {
  const { blocks, prose } = partsOf(text)
  const lines = [...prose.matchAll(/`hsfwd ([^`]+)`/g)].map(([, rest]) => rest)
  for (const { kind, body } of blocks) {
    if (kind === 'sh') {
      for (const line of body.split('\n')) {
        // A command, or what another program is told to run.
        for (const [, , rest] of line.matchAll(/(^|sudo |&& |=')hsfwd ([^']*(?:'[^']*'[^']*)*)/g)) lines.push(line.includes('=\'hsfwd') ? rest.split('\'')[0] : rest)
      }
    } else if (kind === 'ssh-config') {
      for (const [, rest] of body.matchAll(/ProxyCommand hsfwd (.*)/g)) lines.push(rest.replace('%h', 'home'))
    } else if (kind === 'yaml') {
      for (const [, rest] of body.matchAll(/^\s*command: (.*)/gm)) lines.push(rest)
      for (const [, list] of body.matchAll(/^\s*args: (\[.*\])$/gm)) lines.push(JSON.parse(list).join(' '))
    }
  }
  return lines.map(wordsOf)
}

/** With keys where a page has words for them, each word another. */
const filled = (text) => text.replaceAll(/\bKEY(?:-OF-[A-Z-]+)?\b/g, (label) => t.sha256(label))

/** A folder in which a page is tried: a configuration's, with the names that the index and the page give. */
async function place (page) {
  const folder = fs.mkdtempSync(path.join(t.scratch, 'recipe-'))
  const file = path.join(folder, 'hsfwd.toml')
  fs.writeFileSync(file, '')
  // What pages take from stock peers.
  for (const [name, text] of [['holesail.key', `hs://s000${t.sha256('holesail')}\n`], ['seed.json', `{"seed": "${'5'.repeat(64)}"}\n`]]) {
    fs.writeFileSync(path.join(folder, name), text, { mode: 0o600 })
  }
  const out = { folder, file, env: { HSFWD_CONFIG: file } }
  for (const [command, ...words] of [INDEX, page].flatMap((name) => commandsOf(texts.get(name)))) {
    if (command !== 'peers' || words[0] !== 'add') continue
    const { code, stderr } = await inside(out, [command, ...words])
    t.equal(code, 0, `${page}: hsfwd ${command} ${words.join(' ')} (${stderr})`)
  }
  return out
}

/** Runs a command there, in which PATHs of files are those of that folder. */
function inside ({ folder, env }, words, more = {}) {
  return t.run(words.map((word) => filled(word).replace(/^@/, `@${folder}/`)), { env: { ...env, ...more } })
}

// What reads no identity: of these the options alone are looked at, as of what is named without a word behind it.
const PLAIN = ['up', 'check', 'status', 'peers', 'reload', 'down', 'lookup', 'netcheck', 'testnet', 'run']

/** What is wrong with a command; empty if it is one that hsfwd takes. */
async function fault (where, words) {
  const plain = words.length === 1 || (PLAIN.includes(words[0]) && words[1] !== 'names' && words[1] !== 'add')
  // It has read the whole command line, names of peers and addresses included, before it looks for its identity, of which this is none.
  const { code, stderr, stdout } = await inside(where, plain ? [...words, '--help'] : words, { HSFWD_IDENTITY: 'none' })
  if (code === 0) return stdout.startsWith('usage: hsfwd') || !plain ? '' : `said ${stdout}`
  return code === 78 && stderr.includes('HSFWD_IDENTITY') ? '' : `hsfwd ${words.join(' ')}: ${code}, ${stderr.trim()}`
}

t.test('every command in the recipes is one that hsfwd takes', async () => {
  let tried = 0
  const faults = []
  await Promise.all(pages.map(async (page) => {
    const where = await place(page)
    const commands = commandsOf(texts.get(page))
    t.ok(commands.length > 0, `${page} has no command`)
    for (const words of commands) {
      const what = await fault(where, words)
      if (what) faults.push(`${page}: ${what}`)
      tried++
    }
  }))
  t.equal(faults.join('\n'), '', 'what it does not take')
  return `${tried} commands`
})

t.test('every configuration in the recipes is one that hsfwd runs', async () => {
  let tried = 0
  for (const page of pages) {
    const where = await place(page)
    for (const { body } of partsOf(texts.get(page)).blocks.filter(({ kind }) => kind === 'toml')) {
      // What groups there are, and who owns what, is the machine's.
      fs.writeFileSync(where.file, filled(body).replace(/^socket_group = .*$/m, `socket_group = "${process.getgid()}"`))
      const { code, stderr } = await inside(where, ['check', '-c', where.file])
      t.equal(code, 0, `${page}: exit code of check (${stderr})`)
      tried++
    }
  }
  t.ok(tried > 0, 'there are some')
  return `${tried} configurations`
})

t.test('the index has every recipe, and each says who may, how to see it, and what goes wrong', async () => {
  const index = texts.get(INDEX)
  const linked = [...index.matchAll(/^\| \[[^\]]+\]\(([^)]+)\) \| \S/gm)].map(([, page]) => page).sort()
  t.equal(linked.join(' '), pages.filter((page) => page !== INDEX).join(' '), 'what the index has')
  for (const page of linked) {
    for (const part of ['**Who may.**', '**It works if**', '\n| it says | then |\n']) t.ok(texts.get(page).includes(part), `${page} has ${part.trim()}`)
  }
  for (const [page, text] of texts) {
    for (const [, link] of text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) t.ok(fs.existsSync(path.join(FOLDER, link)), `${page} leads to ${link}`)
  }
})
