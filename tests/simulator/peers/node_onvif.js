// Connects with npm `node-onvif` as an application would, and prints what it read as one JSON line.
'use strict';
const onvif = require('node-onvif');

const [xaddr, user, pass, withPtz] = process.argv.slice(2);
const device = new onvif.OnvifDevice({ xaddr, user, pass });

device.init().then(async (information) => {
  const seen = {
    information,
    profiles: device.getProfileList().map((profile) => profile.token),
    stream: device.getUdpStreamUrl(),
    snapshotBytes: (await device.fetchSnapshot()).body.length,
  };
  if (withPtz === 'ptz') {
    await device.ptzMove({ speed: { x: 0.5, y: 0, z: 0 }, timeout: 1 });
    await device.ptzStop();
    seen.moved = true;
  }
  console.log(JSON.stringify(seen));
  process.exit(0); // it leaves the refused answer to its first snapshot request unread, and the socket open
}).catch((error) => { console.error(error); process.exit(1); });
