// Connects with npm `onvif` (agsh) as an application would, and prints what it read as one JSON line.
'use strict';
const { Cam } = require('onvif');
const { promisify } = require('util');

const [hostname, port, username, password, path, withPtz] = process.argv.slice(2);
const fail = (error) => { console.error(error); process.exit(1); };
const options = { hostname, port: Number(port), username, password, path, timeout: 10000 };

const cam = new Cam(options, async (error) => {
  if (error) fail(error);
  const ask = (name, ...args) => promisify(cam[name].bind(cam))(...args);
  try {
    const seen = {
      information: await ask('getDeviceInformation'),
      clock: await ask('getSystemDateAndTime'),
      profiles: cam.profiles.map((profile) => profile.$.token),
      stream: (await ask('getStreamUri', { protocol: 'RTSP' })).uri,
      snapshot: (await ask('getSnapshotUri', {})).uri,
      scopes: (await ask('getScopes')).length,
      imaging: (await ask('getImagingSettings', {})).brightness,
    };
    if (withPtz === 'ptz') {
      seen.presets = await ask('getPresets', {});
      await ask('continuousMove', { x: 0.5, y: 0, zoom: 0 });
      seen.moving = (await ask('getStatus', {})).moveStatus;
      await ask('stop', {});
    }
    cam.on('eventsError', fail);
    cam.once('event', (message) => {
      seen.topic = message.topic._ || message.topic;
      cam.removeAllListeners('event');
      cam.unsubscribe((failed) => {
        if (failed) fail(failed);
        console.log(JSON.stringify(seen));
        process.exit(0);
      }, false);
    });
  } catch (problem) {
    fail(problem);
  }
});
