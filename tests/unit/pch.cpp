// SPDX-License-Identifier: Apache-2.0
// Carries the precompiled header of the tests, which is most of what compiling them costs.
