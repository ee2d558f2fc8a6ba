import { handler } from '@pdvend/aws-iot/authorizer'
import { type AwsHome, startAwsHome } from '@pdvend/engines'

/** 32 bytes or more, the same for the app and for the function that lets devices in. */
const SECRET = 'the secret of the shop, of more than 32 bytes'

/** AWS for the shop, with the authorizer that comes with the adapter: here it is asked in this process, there it is a Lambda function. */
export async function startAws(): Promise<AwsHome> {
  const home = await startAwsHome({
    authorizer: (event) => handler(event, { invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:pdvend' }),
  })
  Object.assign(process.env, {
    PDVEND_PUSH_JWT_SECRET: SECRET,
    PDVEND_PUSH_ENDPOINT: home.bridge.url,
    AWS_REGION: home.bridge.region,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  })
  return { ...home, env: { ...home.env, PDVEND_PUSH_JWT_SECRET: SECRET }, [Symbol.asyncDispose]: home[Symbol.asyncDispose] }
}
