// SPDX-License-Identifier: Apache-2.0
// What programs, with all that they have started, take of the machine, as /proc has it.
'use strict'
const fs = require('node:fs')

const USER_HZ = 100 // ticks a second of what /proc counts, on every Linux that Node.js runs on
const MEGABYTE = 1e6

/** Of a process: {parent, ticks}; nothing if it has ended. */
function stat (pid) {
  try {
    const fields = fs.readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').pop().split(' ')
    return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }
  } catch {
    return undefined
  }
}

/** The process and its descendants. */
function family (pid) {
  const children = new Map()
  for (const name of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const found = stat(name)
    if (found) children.set(found.parent, [...(children.get(found.parent) || []), Number(name)])
  }
  const out = [pid]
  for (const parent of out) out.push(...(children.get(parent) || []))
  return out
}

const familiesOf = (programs) => programs.flatMap((program) => family(program.pid()))

/** Seconds of processors that they have had so far. */
function cpuSeconds (programs) {
  return familiesOf(programs).reduce((sum, pid) => sum + (stat(pid)?.ticks || 0), 0) / USER_HZ
}

function memory (programs, field) {
  return familiesOf(programs).reduce((sum, pid) => {
    try {
      return sum + Number(new RegExp(`${field}:\\s+(\\d+)`).exec(fs.readFileSync(`/proc/${pid}/status`, 'latin1'))[1]) * 1024
    } catch {
      return sum // it has ended
    }
  }, 0) / MEGABYTE
}

/** Resident, MB. */
const residentMemory = (programs) => memory(programs, 'VmRSS')
/** The most that was resident since forgetPeak(), MB. */
const peakMemory = (programs) => memory(programs, 'VmHWM')

function forgetPeak (programs) {
  for (const pid of familiesOf(programs)) {
    try { fs.writeFileSync(`/proc/${pid}/clear_refs`, '5') } catch {} // then it counts since its start
  }
}

module.exports = { cpuSeconds, forgetPeak, peakMemory, residentMemory }
