// SPDX-License-Identifier: Apache-2.0
// Installs the npm packages of a folder exactly as its lock file names them, unless they are there.
// Usage: packages.js FOLDER
'use strict'
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')

const folder = process.argv[2]
const lock = fs.readFileSync(path.join(folder, 'package-lock.json'))
const installed = path.join(folder, 'node_modules', '.installed-lock.json')

if (fs.existsSync(installed) && fs.readFileSync(installed).equals(lock)) {
  console.log('the packages are there')
} else {
  // What is native in them comes prebuilt; no package needs its install script.
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder, stdio: 'inherit' })
  fs.writeFileSync(installed, lock)
}
