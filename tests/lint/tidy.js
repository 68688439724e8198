// SPDX-License-Identifier: Apache-2.0
// clang-tidy over src, platform and config, with the checks of .clang-tidy; whatever it finds is an error.
//
// A folder is one translation unit, which includes its files: most of the work is reading headers, and the names
// of a folder are unique (docs/adr/0013). A folder that was clean is not looked at again until a file that it may
// include, the checks or clang-tidy itself change.
//
// Usage: node tests/lint/tidy.js BUILD [FOLDER...]     BUILD has compile_commands.json, and keeps the results
'use strict'
const { execFile, execFileSync } = require('node:child_process')
const crypto = require('node:crypto')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { FOLDERS, ROOT, filesOf, flagsOf, read } = require('./sources')

const [, , build, ...only] = process.argv
const OUT = path.join(build, 'tidy')
const nameOf = (folder) => folder.replace(/^src\//, '').replaceAll('/', '_')

function version () {
  try {
    return execFileSync('clang-tidy', ['--version']).toString()
  } catch {
    console.log('skipped: there is no clang-tidy')
    process.exit(77)
  }
}

function check (unit, flags) {
  // Unused inline functions of a unit's own are what the compiler warns of.
  const words = ['--quiet', `--config-file=${path.join(ROOT, '.clang-tidy')}`, `--header-filter=^${ROOT}/(src|platform|config)/`, unit, '--', ...flags, '-w']
  return new Promise((resolve) => {
    execFile('clang-tidy', words, { maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
      const noise = /^\d+ warnings? (and \d+ errors? )?(generated|treated)|^Suppressed |^Use -header-filter|^\d+ errors? generated/
      const said = (stdout + stderr).split('\n').filter((line) => line && !noise.test(line))
      resolve(error ? said.join('\n') || String(error) : '')
    })
  })
}

async function main () {
  const common = crypto.createHash('sha256').update(version()).update(read('.clang-tidy')).update(fs.readFileSync(__filename))
  for (const folder of FOLDERS) for (const file of filesOf(folder, '.hpp')) common.update(file).update(read(file))
  const shared = common.digest('hex')
  const commands = JSON.parse(fs.readFileSync(path.join(build, 'compile_commands.json'), 'utf8'))
  fs.mkdirSync(OUT, { recursive: true })

  const waiting = []
  for (const folder of FOLDERS) {
    const sources = filesOf(folder, '.cpp')
    const flags = flagsOf(folder, commands)
    if (!sources.length || !flags || (only.length && !only.some((name) => folder === name || folder.startsWith(`${name}/`)))) continue
    const hash = crypto.createHash('sha256').update(shared).update(flags.join(' '))
    for (const file of sources) hash.update(file).update(read(file))
    const clean = path.join(OUT, `${nameOf(folder)}.clean`)
    const key = hash.digest('hex')
    if (fs.existsSync(clean) && fs.readFileSync(clean, 'utf8') === key) continue
    waiting.push({ folder, sources, flags, clean, key, size: sources.reduce((sum, file) => sum + read(file).length, 0) })
  }
  if (only.length && !only.every((folder) => FOLDERS.includes(folder))) throw new Error(`no such folder: ${only}`)
  // The largest first, so that they do not come last with a processor idle.
  waiting.sort((a, b) => b.size - a.size)
  let failed = 0
  const work = async () => {
    for (let job = waiting.shift(); job; job = waiting.shift()) {
      const unit = path.join(OUT, `${nameOf(job.folder)}.cpp`)
      fs.writeFileSync(unit, job.sources.map((file) => `#include "${path.join(ROOT, file)}"\n`).join(''))
      const start = Date.now()
      const found = await check(unit, job.flags)
      console.log(`${found ? 'FAILED' : 'ok    '}  ${job.folder} (${Math.round((Date.now() - start) / 1000)} s)`)
      if (found) { failed++; console.log(found) } else fs.writeFileSync(job.clean, job.key)
    }
  }
  await Promise.all(Array.from({ length: os.cpus().length }, work))
  process.exit(failed ? 1 : 0)
}

main()
