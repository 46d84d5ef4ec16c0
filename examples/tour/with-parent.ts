// Loaded before an example: it ends when the process that started it does, however that came about.
process.once('disconnect', () => process.exit())
