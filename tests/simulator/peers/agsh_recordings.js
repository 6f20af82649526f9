// Reads a recorder with npm `onvif` (agsh) and prints what it read as one JSON line.
'use strict';
const { Cam } = require('onvif');
const { promisify } = require('util');

const [hostname, port, username, password, path] = process.argv.slice(2);
const fail = (error) => { console.error(error); process.exit(1); };

const cam = new Cam({ hostname, port: Number(port), username, password, path, timeout: 10000 }, async (error) => {
  if (error) fail(error);
  const ask = (name, ...args) => promisify(cam[name].bind(cam))(...args);
  try {
    const jobs = await ask('getRecordingJobs');
    console.log(JSON.stringify({
      recordings: (await ask('getRecordings')).map((item) => item.recordingToken),
      jobs: jobs.jobItem ? jobs.jobItem.map((item) => item.jobToken) : jobs.map((item) => item.jobToken),
      summary: await ask('getRecordingSummary'),
    }));
    process.exit(0);
  } catch (problem) {
    fail(problem);
  }
});
