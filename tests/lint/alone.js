// SPDX-License-Identifier: Apache-2.0
// Every source file by itself, for the other compiler: what a file needs it includes, and what clang warns of is an
// error. The builds of the tests are g++'s, and one unit a folder (docs/adr/0013), where a file may live on its neighbours.
// Nothing is generated: CI's time is short. So that it is shorter still, those headers of libraries come
// precompiled whose absence includes.js sees.
//
// Usage: node tests/lint/alone.js BUILD [FILE...]     BUILD has compile_commands.json
'use strict'
const { execFile, execFileSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { FOLDERS, NAMES, ROOT, filesOf, flagsOf, read } = require('./sources')

const [, , build, ...only] = process.argv
const COMPILER = 'clang++'
// Newer ones warn of more; this is Debian 12's.
const VERSION = 14
// Three quarters of what is precompiled, and to open it costs a third of a small file. The standard's is there for all.
const LARGE = /\//
// Warnings that both compilers know; those of g++ alone are left out.
const WARNINGS = /^-W(?!error|no-stringop-overread)/

/** All that a file includes, and its headers in turn; `seen` collects the names. */
function collect (file, seen) {
  for (const [, name] of read(file).matchAll(/^#include [<"]([^>"]+)[>"]/gm)) {
    if (seen.has(name)) continue
    seen.add(name)
    const own = ['src/', ''].map((prefix) => prefix + name).find((at) => fs.existsSync(path.join(ROOT, at)))
    if (own) collect(own, seen)
  }
}

/** Those headers, the large ones where a file of the folder gets them anyway; `made` remembers. */
function precompiled (scratch, folder, flags, made) {
  const seen = new Set()
  for (const file of filesOf(folder, '.cpp')) collect(file, seen)
  const names = Object.keys(NAMES).filter((name) => LARGE.test(name) ? seen.has(name) : true)
  const key = [...names, ...flags].join(' ')
  if (!made.has(key)) {
    const header = path.join(scratch, `libraries-${made.size}.hpp`)
    fs.writeFileSync(header, names.map((name) => `#include <${name}>\n`).join(''))
    // With what their inline functions need of templates, which each file would make again.
    execFileSync(COMPILER, [...flags, '-x', 'c++-header', '-fpch-instantiate-templates', header, '-o', `${header}.pch`])
    made.set(key, `${header}.pch`)
  }
  return made.get(key)
}

function compile (file, flags, libraries) {
  return new Promise((resolve) => {
    execFile(COMPILER, [...flags, '-Werror', '-Wno-unknown-warning-option', '-include-pch', libraries, '-fsyntax-only', path.join(ROOT, file)], { maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
      resolve(error ? stderr || String(error) : '')
    })
  })
}

function version () {
  try {
    return execFileSync(COMPILER, ['--version']).toString()
  } catch {
    return ''
  }
}

async function main () {
  if (!version().includes(`version ${VERSION}.`)) {
    console.log(`skipped: there is no ${COMPILER} ${VERSION}`)
    process.exit(77)
  }
  const commands = JSON.parse(fs.readFileSync(path.join(build, 'compile_commands.json'), 'utf8'))
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'hsfwd-alone-'))
  process.on('exit', () => fs.rmSync(scratch, { recursive: true }))
  const made = new Map()
  const waiting = FOLDERS.flatMap((folder) => {
    const flags = flagsOf(folder, commands, WARNINGS)
    return flags ? filesOf(folder, '.cpp').map((file) => ({ file, flags, libraries: precompiled(scratch, folder, flags, made) })) : []
  }).filter(({ file }) => !only.length || only.includes(file))
  const count = waiting.length
  let failed = 0
  const work = async () => {
    for (let job = waiting.pop(); job; job = waiting.pop()) {
      const problem = await compile(job.file, job.flags, job.libraries)
      if (problem) { failed++; console.log(problem) }
    }
  }
  await Promise.all(Array.from({ length: os.cpus().length }, work))
  console.log(`${count} files, ${failed} with problems`)
  process.exit(failed || !count ? 1 : 0)
}

main()
