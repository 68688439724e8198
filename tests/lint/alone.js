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
const { FOLDERS, NAMES, ROOT, filesOf, flagsOf } = require('./sources')

const [, , build, ...only] = process.argv
const COMPILER = 'clang++'
// Newer ones warn of more; this is Debian 12's.
const VERSION = 14
// Warnings that both compilers know; those of g++ alone are left out.
const WARNINGS = /^-W(?!error|no-stringop-overread)/

/** Those headers, for files with these flags; `made` remembers. */
function precompiled (folder, flags, made) {
  const key = flags.join(' ')
  if (!made.has(key)) {
    const header = path.join(folder, `libraries-${made.size}.hpp`)
    fs.writeFileSync(header, Object.keys(NAMES).map((name) => `#include <${name}>\n`).join(''))
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
    return flags ? filesOf(folder, '.cpp').map((file) => ({ file, flags, libraries: precompiled(scratch, flags, made) })) : []
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
