import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Launcher, Place } from '../launcher.js'
import { exchange } from '../process/probe.js'
import { findCached } from '../provision/cache.js'
import { needTool, run } from '../provision/command.js'
import { classPath, mavenJars, needJava } from '../provision/maven.js'
import { mqttConnect, mqttPassword, mqttSettings, mqttUrl, mqttUser } from './mqtt.js'

/** A second MQTT 5 broker, strict, and the one here that acknowledges a message only once it is safe from kill -9. */
export const hivemq: Launcher = {
  name: 'hivemq',
  title: 'HiveMQ CE',
  versions: ['2025.5'],
  variable: 'PDVEND_TEST_HIVEMQ',
  ports: 2,
  settings: mqttSettings,
  find: (version) => findCached('hivemq', version),
  async provision(version, report) {
    const javac = await needTool('javac', 'HiveMQ CE is embedded in a small Java program, which a JDK of 17 or later compiles')
    const artifacts = [`com.hivemq:hivemq-community-edition-embedded:${version}`]
    const finish = async (folder: string): Promise<readonly string[]> => {
      await writeFile(join(folder, 'Broker.java'), program)
      await run(javac, ['-cp', await classPath(folder), '-d', join(folder, 'classes'), join(folder, 'Broker.java')])
      return (await readdir(join(folder, 'classes'))).map((name) => `classes/${name}`)
    }
    return mavenJars({ name: 'hivemq', version, artifacts, finish }, report)
  },
  async plan(home, place) {
    const { java } = await needJava('HiveMQ CE')
    const flags = [
      '-Xmx512m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      '--add-opens=java.base/java.nio=ALL-UNNAMED',
      '--add-opens=java.base/sun.nio.ch=ALL-UNNAMED',
    ]
    return {
      url: mqttUrl(place.ports[0]!, place.ports[1]!),
      command: java,
      args: [
        ...flags,
        '-cp',
        `${join(home, 'classes')}:${await classPath(home)}`,
        'Broker',
        join(place.folder, 'conf'),
        place.data,
        join(place.folder, 'extensions'),
      ],
      env: { PDVEND_MQTT_USERNAME: mqttUser, PDVEND_MQTT_PASSWORD: mqttPassword },
      prepare: () => writeConfiguration(place),
      ready: () => exchange(place.ports[0]!, mqttConnect, (answer) => answer.length >= 4).then((answer) => answer[0] === 0x20),
    }
  },
}

/** Its default queue of 1,000 messages a client discards in silence; usage statistics would call out. */
async function writeConfiguration({ folder, ports: [port, webSocketPort] }: Place): Promise<void> {
  await Promise.all(['conf', 'extensions'].map((name) => mkdir(join(folder, name), { recursive: true })))
  const address = (value: number): string => `<port>${value}</port><bind-address>127.0.0.1</bind-address>`
  const xml = `<hivemq>
<listeners>
<tcp-listener>${address(port!)}</tcp-listener>
<websocket-listener>${address(webSocketPort!)}<path>/</path><allow-extensions>false</allow-extensions><subprotocols><subprotocol>mqtt</subprotocol></subprotocols></websocket-listener>
</listeners>
<mqtt><queued-messages><max-queue-size>1000000</max-queue-size><strategy>discard</strategy></queued-messages></mqtt>
<anonymous-usage-statistics><enabled>false</enabled></anonymous-usage-statistics>
</hivemq>
`
  await writeFile(join(folder, 'conf/config.xml'), xml)
}

/** One client that may do everything; whoever comes without its password is refused. */
const program = `
import com.hivemq.embedded.EmbeddedExtension;
import com.hivemq.embedded.EmbeddedHiveMQ;
import com.hivemq.extension.sdk.api.ExtensionMain;
import com.hivemq.extension.sdk.api.auth.SimpleAuthenticator;
import com.hivemq.extension.sdk.api.parameter.*;
import com.hivemq.extension.sdk.api.services.Services;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

public final class Broker {
  static final class Passwords implements ExtensionMain {
    public void extensionStart(ExtensionStartInput input, ExtensionStartOutput output) {
      SimpleAuthenticator check = (attempt, answer) -> {
        var packet = attempt.getConnectPacket();
        var name = packet.getUserName().orElse("");
        var password = packet.getPassword().map(bytes -> StandardCharsets.UTF_8.decode(bytes.duplicate()).toString()).orElse("");
        if (name.equals(System.getenv("PDVEND_MQTT_USERNAME")) && password.equals(System.getenv("PDVEND_MQTT_PASSWORD"))) {
          answer.authenticateSuccessfully();
        } else {
          answer.failAuthentication();
        }
      };
      Services.securityRegistry().setAuthenticatorProvider(ignored -> check);
    }
    public void extensionStop(ExtensionStopInput input, ExtensionStopOutput output) {}
  }

  public static void main(String[] folders) {
    var passwords = EmbeddedExtension.builder().withId("passwords").withName("passwords").withVersion("1")
      .withExtensionMain(new Passwords()).build();
    var broker = EmbeddedHiveMQ.builder().withConfigurationFolder(Path.of(folders[0])).withDataFolder(Path.of(folders[1]))
      .withExtensionsFolder(Path.of(folders[2])).withEmbeddedExtension(passwords).build();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> broker.stop().join()));
    broker.start().join();
  }
}
`
